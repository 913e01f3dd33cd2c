"""Runs an application as a server: sockets, processes, limits of HTTP, the start."""

from app.adapters.problem import Problem


class StartupError(Problem):
    """The server cannot start. Nothing has been changed."""

"""Runs an application as a server: sockets, processes, limits of HTTP, the start."""


class StartupError(Exception):
    """The server cannot start. The text is one line with the remedy. Nothing has been changed."""

"""What turns an assembled server into a running one: sockets, processes, HTTP within bounds, logs, the first start."""


class StartupError(Exception):
    """The server refuses to start; the text is one line that says what to do. Nothing has been changed."""

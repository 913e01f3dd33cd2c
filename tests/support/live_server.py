"""A server on a real socket, in a thread of the test process, on the database of its settings."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from app.adapters.database import Clock, utc_now
from app.application import create_app
from app.server.connections import ConnectionLimit
from app.server.http_limits import uvicorn_config
from app.settings import Settings


@contextmanager
def serve_in_thread(settings: Settings, *, clock: Clock = utc_now) -> Iterator[str]:
    """Serve until the block ends; return the server's URL. A client that connects before it is ready waits."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn_config(create_app(settings, clock=clock), lifespan="on"))
        server.server_state = ConnectionLimit()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="server")
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()

"""A real S3 server for tests: moto on loopback, in its own process, in memory."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

from tests.support.processes import free_port
from tests.support.requirements import need

_SERVER = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=True)
print("ready", flush=True)
server.serve_forever()
"""


@contextmanager
def bucket_server() -> Iterator[str]:
    """Run the server and return its URL, `http://127.0.0.1:port`. It ends with this process."""
    is_installed = importlib.util.find_spec("moto") and importlib.util.find_spec("flask_cors")
    need(
        "moto",
        is_installed,
        "it is the S3 server that buckets are tested with: pip install 'moto[s3]' flask flask-cors",
    )
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout and server.stdout.readline() == "ready\n", "the S3 server did not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def make_bucket(address: str, name: str) -> None:
    """Create an empty bucket."""
    with urlopen(Request(f"{address}/{name}", method="PUT")) as response:  # The server needs no key here.
        assert response.status == 200

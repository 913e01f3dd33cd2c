"""A real S3 server for tests: moto on loopback, in memory."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

from tests.support.requirements import need


@contextmanager
def bucket_server() -> Iterator[str]:
    """Run the server in a thread and return its URL, `http://127.0.0.1:port`."""
    is_installed = importlib.util.find_spec("moto") and importlib.util.find_spec("flask_cors")
    need(
        "moto",
        is_installed,
        "it is the S3 server that buckets are tested with: pip install 'moto[s3]' flask flask-cors",
    )
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        # The buckets are stored in this process; an earlier server may have left some.
        urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()
        yield url
    finally:
        server.stop()


def make_bucket(address: str, name: str) -> None:
    """Create an empty bucket."""
    with urlopen(Request(f"{address}/{name}", method="PUT")) as response:  # The server needs no key here.
        assert response.status == 200

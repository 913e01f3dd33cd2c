"""A receiver of webhook calls, which runs in a thread beside a test that does not run in an event loop."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.http_server import serve_http
from tests.support.raw_receiver import ReceivedRequest


@dataclass
class Receiver:
    """A running receiver: what it responds, and what has arrived."""

    url: str = ""
    status: int = 200
    body: bytes = b"thanks"
    requests: list[ReceivedRequest] = field(default_factory=list)


@contextmanager
def run_receiver() -> Iterator[Receiver]:
    """A receiver on a loopback port."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            headers = [(name.lower(), value) for name, value in self.headers.items()]
            receiver.requests.append(ReceivedRequest(self.requestline, headers, body))
            self.send_response(receiver.status)
            self.send_header("Content-Length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

        do_PUT = do_POST

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    with serve_http(Handler) as port:
        receiver.url = f"http://127.0.0.1:{port}/hook"
        yield receiver

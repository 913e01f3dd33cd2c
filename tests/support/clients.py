"""HTTP clients of a server in this process. The path is relative to `/api/v1`."""

from typing import Any

import httpx

from app.application import Application

HOST = "http://feedback.example.com"
PEER = "192.0.2.1"


class Client(httpx.AsyncClient):
    """Sends requests to an application through ASGI, with or without a key."""

    def __init__(
        self, server: Application, *, token: str | None, base: str = "/api/v1", host: str = HOST, peer: str = PEER
    ) -> None:
        self._server = server
        self.token = token
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        super().__init__(
            transport=httpx.ASGITransport(server, client=(peer, 40000)), base_url=host + base, headers=headers
        )

    def of(self, token: str | None, *, base: str = "/api/v1", host: str = HOST, peer: str = PEER) -> "Client":
        """A client of the same application with another key, base path, host or client address."""
        return Client(self._server, token=token, base=base, host=host, peer=peer)

    async def send_json(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Send a request with a JSON body by any method, GET included, as several real clients do."""
        return await self.request(method, path, json=body, **more)


def status_and_json(response: httpx.Response) -> tuple[int, Any]:
    """The status and the JSON body, to compare both at once."""
    return response.status_code, response.json()

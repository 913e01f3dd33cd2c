"""An OpenID Connect provider on a loopback port."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from time import time
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.http_server import serve_http

CLIENT_ID, CLIENT_SECRET = "earshot", "a secret of the client"


@dataclass
class OpenIdProvider:
    """A running provider, and what it says of the person who signs in there."""

    issuer: str = ""
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "p-1", "email": "jane@example.com", "email_verified": True, "name": "Jane Roe"}
    )
    user_info: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    """What differs from the usual metadata."""
    token_claims: dict[str, Any] = field(default_factory=dict)
    """What differs from the right claims of the ID token."""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first"}))
    signing_key: Any = None
    """Another key than the one that is published."""
    algorithm: str = "RS256"
    is_denied: bool = False
    clock_error: int = 0
    """Seconds by which its clock is fast."""
    response: dict[str, str] = field(default_factory=dict)
    """What it adds to the address that it leads back to."""
    status: int | None = None
    """Of all responses, instead of those that are right."""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path, and the form of each request."""
    _grants: dict[str, dict[str, str]] = field(default_factory=dict)

    def respond(self, method: str, url: str, headers: Any, form: dict[str, str]) -> tuple[int, dict[str, Any], str]:
        """Status, JSON and the location of a redirect."""
        parts = urlsplit(url)
        self.requests.append((method, parts.path, form))
        routes: dict[str, Callable[[], tuple[int, dict[str, Any], str]]] = {
            "/.well-known/openid-configuration": lambda: (200, self._describe(), ""),
            "/keys": lambda: (200, {"keys": [self.key.as_dict(private=False)]}, ""),
            "/authorize": lambda: self._authorize(dict(parse_qsl(parts.query))),
            "/token": lambda: self._issue(form, headers),
            "/user": lambda: (200, self.user_info or {}, ""),
        }
        return routes[parts.path]() if self.status is None else (self.status, {}, "")

    def _describe(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/user",
            **self.metadata,
        }

    def _authorize(self, query: dict[str, str]) -> tuple[int, dict[str, Any], str]:
        code = f"code-{len(self._grants)}"
        self._grants[code] = query
        answer = {"error": "access_denied"} if self.is_denied else {"code": code}
        return 302, {}, f"{query['redirect_uri']}?{urlencode({**answer, 'state': query['state'], **self.response})}"

    def _issue(self, form: dict[str, str], headers: Any) -> tuple[int, dict[str, Any], str]:
        grant = self._grants.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        secret = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        is_right = (
            grant is not None
            and grant["code_challenge_method"] == "S256"
            and grant["code_challenge"] == challenge
            and grant["redirect_uri"] == form["redirect_uri"]
            and headers.get("authorization") == f"Basic {secret}"
        )
        if grant is None or not is_right:
            return 400, {"error": "invalid_grant"}, ""
        now = int(time()) + self.clock_error
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": grant["nonce"]}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        content = {name: value for name, value in {**claims, **self.claims, **self.token_claims}.items() if value}
        id_token = jwt.encode(header, content, self.signing_key or self.key)
        return 200, {"access_token": "an-access-token", "token_type": "Bearer", "id_token": id_token}, ""


@contextmanager
def run_openid_provider() -> Iterator[OpenIdProvider]:
    """A provider until the block ends."""
    provider = OpenIdProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            self._respond({name: values[0] for name, values in parse_qs(body).items()})

        def _respond(self, form: dict[str, str]) -> None:
            status, content, location = provider.respond(self.command, self.path, self.headers, form)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    with serve_http(Handler) as port:
        provider.issuer = f"http://127.0.0.1:{port}"
        yield provider

"""Signs in by OpenID Connect providers: the authorization code flow with PKCE, and the checks of what they send.

Every call goes through `outbound_http`, because the operator enters the address of a provider, and the provider those
of its endpoints.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from app.adapters.database import Clock
from app.adapters.outbound_addresses import Network
from app.adapters.outbound_http import OutboundClient, OutboundError, parse_outbound_url

CACHE_SECONDS: Final = 600
"""How long the metadata and the keys of a provider are used. A token with a new key loads the keys at once."""
MIN_RELOAD_SECONDS: Final = 10
MAX_CACHED: Final = 200
LEEWAY_SECONDS: Final = 60
"""Between the clocks of the provider and of this server."""
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that only the provider has."""


class OpenIdError(Exception):
    """The provider does not respond, or what it sent is not valid. The text is for the log, without secrets."""


class OpenIdUnavailable(OpenIdError):
    """The provider does not respond, or has a problem of its own, so that the same may work later."""


@dataclass(frozen=True, slots=True)
class OpenIdClient:
    """How this server is known to a provider."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    scopes: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Authorization:
    """A sign-in that has begun: where the browser goes, and what must be kept until it comes back."""

    url: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class OpenIdProviders:
    """Talks to providers. It belongs to one event loop."""

    def __init__(self, allowed_networks: Sequence[Network], clock: Clock) -> None:
        self._allowed_networks = allowed_networks
        self._clock = clock
        self._cache: dict[str, tuple[float, Mapping[str, Any]]] = {}

    @cached_property
    def _http(self) -> OutboundClient:
        # Not before the first sign-in: most portals have no provider.
        return OutboundClient(allowed_networks=self._allowed_networks)

    async def begin(self, client: OpenIdClient) -> Authorization:
        """Begin a sign-in. Raises OpenIdError."""
        # Authlib takes a fifth of a second to import.
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # type: ignore[import-untyped]
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]

        metadata = await self._load_metadata(client.issuer)
        endpoint = _require_url(metadata, "authorization_endpoint")
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        url = prepare_grant_uri(
            endpoint,
            client_id=client.client_id,
            response_type="code",
            redirect_uri=client.redirect_uri,
            scope=client.scopes,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return Authorization(url, state, nonce, verifier)

    async def finish(
        self,
        client: OpenIdClient,
        *,
        code: str,
        nonce: str,
        verifier: str,
        issuer: str | None,
        names: Sequence[str],
    ) -> Mapping[str, Any]:
        """Exchange the code, and return the verified claims of the user.

        `issuer` is the one that the response names, if any (RFC 9207). If one of the claims `names` is not in the ID
        token, the user info is read, too. Raises OpenIdError.
        """
        metadata = await self._load_metadata(client.issuer)
        # Otherwise a provider could lead a browser here with the code of another one.
        must_name_issuer = metadata.get("authorization_response_iss_parameter_supported") is True
        if issuer != client.issuer and (issuer is not None or must_name_issuer):
            raise OpenIdError("the response is not that of this provider")
        tokens = await self._fetch_tokens(client, metadata, code=code, verifier=verifier)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str):
            raise OpenIdError("the provider sent no ID token")
        claims = await self._verify(client, metadata, id_token, nonce=nonce, access_token=access_token)
        is_complete = all(name in claims for name in names)
        if is_complete or "userinfo_endpoint" not in metadata or not isinstance(access_token, str):
            return claims
        endpoint = _require_url(metadata, "userinfo_endpoint")
        more = await self._request("GET", endpoint, headers=[("Authorization", f"Bearer {access_token}")])
        if more.get("sub") != claims["sub"]:
            raise OpenIdError("the user info is that of another user")
        return {**more, **claims}

    async def close(self) -> None:
        """Close all connections."""
        if "_http" in self.__dict__:
            await self._http.close()

    async def _load_metadata(self, issuer: str) -> Mapping[str, Any]:
        from authlib.oidc.discovery import get_well_known_url  # type: ignore[import-untyped]

        metadata = await self._load(get_well_known_url(issuer, external=True), max_age=CACHE_SECONDS)
        if metadata.get("issuer") != issuer:
            raise OpenIdError("the provider names itself by another issuer")
        return metadata

    async def _fetch_tokens(
        self, client: OpenIdClient, metadata: Mapping[str, Any], *, code: str, verifier: str
    ) -> Mapping[str, Any]:
        from authlib.oauth2.auth import ClientAuth  # type: ignore[import-untyped]

        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        endpoint = _require_url(metadata, "token_endpoint")
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        auth = ClientAuth(client.client_id, client.client_secret, "none" if client.client_secret is None else method)
        url, headers, body = auth.prepare("POST", endpoint, headers, urlencode(fields))
        return await self._request("POST", url, headers=list(headers.items()), content=body.encode())

    async def _verify(
        self, client: OpenIdClient, metadata: Mapping[str, Any], id_token: str, *, nonce: str, access_token: Any
    ) -> Mapping[str, Any]:
        from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]

        url = _require_url(metadata, "jwks_uri")
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        algorithms = [name for name in ALGORITHMS if name in offered]
        if not algorithms:
            # The library would take an empty list for its defaults, among them HS256.
            raise OpenIdError("the provider signs with none of the accepted algorithms")
        registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
        try:
            try:
                token = jwt.decode(id_token, await self._load_keys(url, max_age=CACHE_SECONDS), registry=registry)
            except JoseError:
                # The provider may have replaced its keys.
                token = jwt.decode(id_token, await self._load_keys(url, max_age=MIN_RELOAD_SECONDS), registry=registry)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": client.issuer},
                    "aud": {"essential": True, "value": client.client_id},
                    "sub": {"essential": True},
                },
                {"nonce": nonce, "client_id": client.client_id, "access_token": access_token},
            )
            claims.validate(now=int(self._clock().timestamp()), leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError) as error:
            raise OpenIdError(f"the ID token is not valid ({type(error).__name__})") from None
        if not isinstance(claims["sub"], str):
            raise OpenIdError("the ID token names no user")
        return dict(claims)

    async def _load_keys(self, url: str, *, max_age: float) -> KeySet:
        keys = await self._load(url, max_age=max_age)
        try:
            return KeySet.import_key_set({"keys": list(keys["keys"])})
        except (JoseError, KeyError, TypeError, ValueError):
            raise OpenIdError("the provider sent no valid keys") from None

    async def _load(self, url: str, *, max_age: float) -> Mapping[str, Any]:
        now = self._clock().timestamp()
        cached = self._cache.get(url)
        if cached is not None and 0 <= now - cached[0] < max_age:
            return cached[1]
        content = await self._request("GET", url)
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[url] = (now, content)
        return content

    async def _request(
        self, method: str, url: str, *, headers: Sequence[tuple[str, str]] = (), content: bytes | None = None
    ) -> Mapping[str, Any]:
        try:
            response = await self._http.call(
                method, url, headers=[("Accept", "application/json"), *headers], content=content
            )
        except OutboundError as error:
            raise OpenIdUnavailable(str(error)) from None
        host = parse_outbound_url(url).host
        if response.status >= 500:
            raise OpenIdUnavailable(f"{host} responded with the status {response.status}")
        if response.status != 200:
            raise OpenIdError(f"{host} responded with the status {response.status}")
        try:
            body = json.loads(response.body)
        except (ValueError, RecursionError):
            raise OpenIdError(f"{host} sent no JSON") from None
        if not isinstance(body, dict):
            raise OpenIdError(f"{host} sent no JSON object")
        return body


def _require_url(metadata: Mapping[str, Any], name: str) -> str:
    url = metadata.get(name)
    if not isinstance(url, str):
        raise OpenIdError(f"the metadata of the provider has no {name}")
    try:
        parse_outbound_url(url)
    except OutboundError:
        raise OpenIdError(f"the metadata of the provider has no valid {name}") from None
    return url

"""Passkeys: what a browser is asked to sign (WebAuthn), and the checks of what it sends.

The server keeps nothing in between: the challenge is in an encrypted field of the form, bound to the browser. What was
signed is stored afterwards, so that it signs in once.
"""

import base64
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from app.adapters.database import Clock
from app.adapters.encryption import SecretCipher, UnreadableSecret

MAX_SECONDS: Final = 600
"""How long a form may be open before its passkey is used."""
CHALLENGE_BYTES: Final = 32
_TIMEOUT_MS: Final = 120_000


class InvalidPasskey(Exception):
    """What the browser sent is not valid, or too old. The text is the reason, for the log."""


@dataclass(frozen=True, slots=True)
class Site:
    """The site that passkeys belong to: its domain, and the origin of its pages."""

    domain: str
    origin: str

    @classmethod
    def parse(cls, url: str) -> "Site | None":
        """The site of this public URL. None for an IP address, for which browsers make no passkeys."""
        parts = urlsplit(url)
        domain = parts.hostname or ""
        try:
            ip_address(domain)
        except ValueError:
            port = "" if parts.port is None else f":{parts.port}"
            return cls(domain, f"{parts.scheme}://{domain}{port}") if domain else None
        return None


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What a page has to use a passkey."""

    options: str
    """JSON for the browser."""
    ticket: str
    """The value of a hidden field, which comes back with what the browser made."""


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A verified new passkey. Credential and key are Base64url."""

    credential_id: str
    public_key: str = field(repr=False)
    sign_count: int


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A verified signature of a passkey."""

    sign_count: int
    """How many the passkey has made; 0 if it does not count them."""
    challenge: str
    """What was signed; a page has another one each time."""
    expires_at: datetime
    """From then on it is not valid."""


class Passkeys:
    """Begins and finishes the use of passkeys. `browser` is a secret text that only the same browser has."""

    def __init__(self, cipher: SecretCipher, clock: Clock) -> None:
        self._cipher = cipher
        self._clock = clock

    def begin_sign_in(self, site: Site, *, browser: str) -> Ceremony:
        """Ask for a passkey of whichever user: the browser offers those that it has for the site."""
        # The library takes a fifth of a second to import.
        from webauthn import generate_authentication_options, options_to_json
        from webauthn.helpers.structs import UserVerificationRequirement

        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        options = generate_authentication_options(
            rp_id=site.domain,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return Ceremony(options_to_json(options), self._seal("sign-in", challenge, browser))

    def begin_registration(
        self, site: Site, *, browser: str, title: str, user_id: int, name: str, known: list[str]
    ) -> Ceremony:
        """Ask for a new passkey. `title` is that of the portal; devices of the `known` credentials are left out."""
        from webauthn import generate_registration_options, options_to_json
        from webauthn.helpers import base64url_to_bytes
        from webauthn.helpers.structs import (
            AuthenticatorSelectionCriteria,
            PublicKeyCredentialDescriptor,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        options = generate_registration_options(
            rp_id=site.domain,
            rp_name=title,
            user_id=str(user_id).encode(),
            user_name=name,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(each)) for each in known],
        )
        return Ceremony(options_to_json(options), self._seal("registration", challenge, browser))

    def finish_registration(self, site: Site, *, browser: str, ticket: str, credential: str) -> NewPasskey:
        """Verify what the browser made. Raises InvalidPasskey."""
        from webauthn import verify_registration_response
        from webauthn.helpers import bytes_to_base64url

        challenge, _ = self._open("registration", ticket, browser)
        try:
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=site.domain,
                expected_origin=site.origin,
                require_user_verification=True,
            )
        # The library checks much, but lets errors of what it parses pass.
        except Exception as error:
            raise InvalidPasskey(type(error).__name__) from None
        return NewPasskey(
            bytes_to_base64url(verified.credential_id),
            bytes_to_base64url(verified.credential_public_key),
            verified.sign_count,
        )

    def finish_sign_in(
        self, site: Site, *, browser: str, ticket: str, credential: str, public_key: str, sign_count: int
    ) -> VerifiedSignature:
        """Verify the signature. The caller must see to it that it signs in once. Raises InvalidPasskey."""
        from webauthn import base64url_to_bytes, verify_authentication_response

        challenge, expires_at = self._open("sign-in", ticket, browser)
        try:
            verified = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=site.domain,
                expected_origin=site.origin,
                credential_public_key=base64url_to_bytes(public_key),
                credential_current_sign_count=sign_count,
                require_user_verification=True,
            )
        except Exception as error:
            raise InvalidPasskey(type(error).__name__) from None
        return VerifiedSignature(verified.new_sign_count, challenge.hex(), expires_at)

    def _seal(self, purpose: str, challenge: bytes, browser: str) -> str:
        encoded = base64.b64encode(challenge).decode()
        return self._cipher.encrypt(json.dumps([purpose, self._clock().timestamp(), browser, encoded]))

    def _open(self, purpose: str, ticket: str, browser: str) -> tuple[bytes, datetime]:
        """The challenge, and the time from which on the ticket is not valid."""
        try:
            stored_purpose, began_at, stored_browser, challenge = json.loads(self._cipher.decrypt(ticket))
        except (UnreadableSecret, ValueError):
            raise InvalidPasskey("the form was changed") from None
        if (stored_purpose, stored_browser) != (purpose, browser):
            raise InvalidPasskey("the form is that of another browser")
        now = self._clock()
        if not 0 <= now.timestamp() - began_at <= MAX_SECONDS:
            raise InvalidPasskey("the form was open for too long")
        expires_at = now + timedelta(seconds=began_at + MAX_SECONDS - now.timestamp())
        return base64.b64decode(challenge), expires_at


def read_credential_id(credential: str) -> str:
    """The id in what the browser sent; empty if there is none."""
    try:
        found = json.loads(credential)
    except (ValueError, RecursionError):
        return ""
    credential_id = found.get("id") if isinstance(found, dict) else None
    return credential_id if isinstance(credential_id, str) else ""

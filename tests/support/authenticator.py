"""A device with passkeys, which makes what a browser sends (WebAuthn)."""

import hashlib
import json
import secrets
import struct
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url

USER_PRESENT, USER_VERIFIED, HAS_CREDENTIAL = 0x01, 0x04, 0x40


class Authenticator:
    """One key, for one site. It counts its signatures unless `counts` is False."""

    def __init__(self, origin: str, *, counts: bool = True) -> None:
        self.origin = origin
        self.credential_id = secrets.token_bytes(32)
        self.sign_count = 0
        self.flags = USER_PRESENT | USER_VERIFIED
        self._counts = counts
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: dict[str, Any]) -> str:
        """What the browser sends for these options of a registration."""
        numbers = self._key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        size = struct.pack(">H", len(self.credential_id))
        credential = bytes(16) + size + self.credential_id + cbor2.dumps(key)
        data = self._authenticator_data(options["rp"]["id"], HAS_CREDENTIAL) + credential
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", options)
        return self._credential(clientDataJSON=client_data, attestationObject=attestation)

    def sign(self, options: dict[str, Any]) -> str:
        """What the browser sends for these options of a sign-in."""
        self.sign_count += self._counts
        data, client_data = self._authenticator_data(options["rpId"]), self._client_data("webauthn.get", options)
        signature = self._key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential(clientDataJSON=client_data, authenticatorData=data, signature=signature)

    def _authenticator_data(self, domain: str, more_flags: int = 0) -> bytes:
        return hashlib.sha256(domain.encode()).digest() + struct.pack(">BI", self.flags | more_flags, self.sign_count)

    def _client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        content = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(content).encode()

    def _credential(self, **response: bytes) -> str:
        encoded = bytes_to_base64url(self.credential_id)
        return json.dumps(
            {
                "id": encoded,
                "rawId": encoded,
                "type": "public-key",
                "clientExtensionResults": {},
                "response": {name: bytes_to_base64url(value) for name, value in response.items()},
            }
        )

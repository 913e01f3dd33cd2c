"""The requests of webhook calls: URL, headers, body and signatures."""

import dataclasses
import json
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from app.domain.webhooks.calls import CallSettings
from app.domain.webhooks.validation import RESERVED_HEADERS
from app.outbox.webhooks.payload import CallPayload
from app.outbox.webhooks.request import CallRequest, build_request
from app.outbox.webhooks.signatures import sign_body
from tests.support.webhook_rows import CIPHER

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECRET = "a secret"
URL = "https://hooks.example.com/hook"
PAYLOAD = CallPayload('{"id": "é"}', "application/json")


def build(payload: CallPayload = PAYLOAD, headers: dict[str, str] | None = None, **changed: Any) -> CallRequest:
    settings = CallSettings(
        is_enabled=True,
        dialect="productlift",
        method="POST",
        url=CIPHER.encrypt(URL),
        headers=None if headers is None else CIPHER.encrypt(json.dumps(headers)),
        secret=CIPHER.encrypt(SECRET),
        signature_header="Signature",
        signature_encoding="hex",
    )
    settings = dataclasses.replace(settings, **changed)
    return build_request(settings, payload, cipher=CIPHER, delivery_id="d-1", now=NOW)


def test_a_request_in_productlifts_format_has_its_signature_and_the_standard_ones() -> None:
    request = build()

    content = '{"id": "é"}'.encode()
    standard = Webhook(SECRET.encode()).sign("d-1", NOW, '{"id": "é"}')
    assert (request.method, request.url, request.content) == ("POST", URL, content)
    assert request.headers == [
        ("User-Agent", f"Earshot/{version('earshot')}"),
        ("Accept", "*/*"),
        ("Content-Type", "application/json"),
        ("Accept-Encoding", "identity"),
        ("webhook-id", "d-1"),
        ("webhook-timestamp", "1772366400"),
        ("webhook-signature", standard),
        ("Signature", sign_body(content, SECRET, encoding="hex")),
    ]


def test_header_and_encoding_of_productlifts_signature_are_those_of_the_endpoint() -> None:
    headers = dict(build(signature_header="X-Signature", signature_encoding="base64").headers)

    assert "Signature" not in headers
    assert headers["X-Signature"] == sign_body('{"id": "é"}'.encode(), SECRET, encoding="base64")


def test_a_request_in_astutos_format_has_the_standard_signature_only() -> None:
    url = CIPHER.encrypt("https://other.example.com/?key=1")
    rendered = CallPayload(PAYLOAD.body, PAYLOAD.content_type, url)

    request = build(rendered, {"Authorization": " Basic x "}, dialect="astuto", method="PUT")

    headers = dict(request.headers)
    assert (request.method, request.url) == ("PUT", "https://other.example.com/?key=1")
    assert headers["Authorization"] == "Basic x"
    assert "Signature" not in headers
    assert "webhook-signature" in headers


def test_a_request_without_body_has_no_content_type() -> None:
    request = build(CallPayload(None, "application/json"))

    headers = dict(request.headers)
    assert request.content is None
    assert "Content-Type" not in headers
    assert headers["Signature"] == sign_body(b"", SECRET, encoding="hex")
    Webhook(SECRET.encode()).sign("d-1", NOW, "")


def test_without_any_secret_a_request_is_not_signed() -> None:
    assert [name for name, _ in build(secret=None).headers] == [
        "User-Agent",
        "Accept",
        "Content-Type",
        "Accept-Encoding",
    ]


def test_headers_of_the_endpoint_replace_ours_regardless_of_case() -> None:
    headers = build(headers={"content-type": "text/plain", "USER-AGENT": "me", "accept": "text/html"}).headers

    assert [header for header in headers if header[0].lower() in ("content-type", "user-agent", "accept")] == [
        ("USER-AGENT", "me"),
        ("accept", "text/html"),
        ("content-type", "text/plain"),
    ]


@pytest.mark.parametrize("name", [*sorted(RESERVED_HEADERS), "webhook-id", "Webhook-Anything", " HOST ", "signature"])
def test_protected_headers_are_not_taken_from_the_endpoint(name: str) -> None:
    assert sorted(build(headers={name: "mine"}).headers) == sorted(build().headers)


def test_a_request_does_not_show_its_secrets() -> None:
    assert "example.com" not in repr(build())

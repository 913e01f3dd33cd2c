"""Style sheets and scripts: caching and compression."""

import re

from tests.support.clients import Client


async def test_a_style_sheet_is_cached_permanently_only_with_its_version(anyone: Client) -> None:
    visitor = anyone.of(None, base="")
    home = await visitor.get("/")
    address, *_ = re.findall(r'rel="stylesheet" href="([^"]*)"', home.text)

    versioned = await visitor.get(address)
    plain = await visitor.get("/static/tokens.css", headers={"accept-encoding": "identity"})
    known = await visitor.get(address, headers={"if-none-match": versioned.headers["etag"]})

    assert (versioned.status_code, versioned.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert versioned.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert versioned.headers["content-encoding"] == "gzip"
    uncompressed = await visitor.get(address, headers={"accept-encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in uncompressed.headers
    assert plain.headers["cache-control"] == "no-cache"
    assert "content-encoding" not in plain.headers
    assert plain.text == versioned.text
    assert (known.status_code, known.content) == (304, b"")

"""Cross-origin requests: ProductLift's dialect allows them, Astuto's does not."""

import pytest

from app.domain.portals import portals
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory

PREFLIGHT = {
    "origin": "https://app.example.org",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


@pytest.mark.parametrize("base", ["/api/v1", "/productlift/api/v1"])
async def test_productlift_accepts_preflight_requests(anyone: Client, base: str) -> None:
    response = await anyone.of(None, base=base).options("/posts", headers=PREFLIGHT)

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == "*"
    methods, headers = (
        set(response.headers[f"access-control-allow-{name}"].split(", ")) for name in ("methods", "headers")
    )
    assert methods == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert headers == {"authorization", "content-type", "accept"}


async def test_the_shared_path_accepts_preflight_requests_in_any_dialect(
    make: Factory, settings: Settings, clock: TestClock
) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="default_dialect", value="astuto"))

    async with running_application(settings, clock, default_dialect="astuto") as server:
        response = await Client(server, token=None).options("/posts", headers=PREFLIGHT)

    assert (response.status_code, response.headers["access-control-allow-origin"]) == (204, "*")


async def test_cors_allows_any_origin_for_productlift_and_none_for_astuto(astuto: Client, productlift: Client) -> None:
    for path in ("/posts", "/nothing"):
        theirs = await productlift.get(path, headers={"origin": "https://app.example.org"})
        ours = await astuto.get(path, headers={"origin": "https://app.example.org"})

        assert theirs.headers["access-control-allow-origin"] == "*"
        assert not [name for name in ours.headers if name.startswith("access-control-")]

"""Which dialect responds: by prefix, by key, by host, by default. docs/compatibility.md, section 1."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.domain.portals import portals
from app.domain.users import api_keys, key_formats
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.extra_servers import running_application
from tests.support.factory import Factory

PRODUCTLIFT_401 = (401, {"message": "Unauthenticated."})
ASTUTO_401 = (401, {"errors": ["Access denied."]})
PRODUCTLIFT_404 = (404, {"message": ""})
ASTUTO_404 = (404, {"status": 404, "error": "Not Found"})
UNKNOWN_KEYS = {
    "tkn_admin_3x9Kq2f8Zr7Lm1Nb5Vc4Xd6Wy8Et": ASTUTO_401,
    "tkn_mod_3x9Kq2f8Zr7Lm1Nb5Vc4Xd6Wy8EtAa": ASTUTO_401,
    "231|kZ8s7dKq2f8Zr7Lm1Nb5Vc4Xd6Wy8EtAa3x9Kq2": PRODUCTLIFT_401,
}
KEYS_OF_NO_FORM = ("whatever", "tkn_other_3x9Kq2f8Zr7Lm1Nb", "a|b", "|b", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln")


async def test_the_key_selects_the_dialect_at_the_shared_path(
    make: Factory, astuto: Client, productlift: Client
) -> None:
    post = await make.post(title="Dark mode")
    code = await make.code(post)

    ours, theirs = await astuto.get("/posts"), await productlift.get("/posts")

    assert [payload["id"] for payload in ours.json()] == [post]
    assert [payload["id"] for payload in theirs.json()["data"]] == [code]
    assert ours.headers["content-type"] == "application/json; charset=utf-8"
    assert theirs.headers["content-type"] == "application/json"


async def test_a_prefix_selects_its_dialect_on_every_host(make: Factory, astuto: Client, productlift: Client) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="default_dialect", value="astuto"))

    for host in ("http://feedback.example.com", "http://other.example.org:8080", "http://[2001:db8::1]:8000"):
        for token, base, answer in (
            (astuto.token, "/astuto/api/v1", (200, [])),
            (productlift.token, "/productlift/api/v1", (200, PAGE_OF_NONE)),
            (productlift.token, "/astuto/api/v1", ASTUTO_401),
            (astuto.token, "/productlift/api/v1", PRODUCTLIFT_401),
            ("whatever", "/astuto/api/v1", ASTUTO_401),
            ("whatever", "/productlift/api/v1", PRODUCTLIFT_401),
            ("tkn_admin_unknown", "/productlift/api/v1", PRODUCTLIFT_401),
            ("231|unknown", "/astuto/api/v1", ASTUTO_401),
            (None, "/astuto/api/v1", ASTUTO_401),
            (None, "/productlift/api/v1", PRODUCTLIFT_401),
        ):
            response = await astuto.of(token, base=base, host=host).get("/posts")

            assert status_and_json(response) == answer, (token, base, host)


PAGE_OF_NONE = {"data": [], "hasMore": False, "total": 0, "skip": 0, "limit": 10}


async def test_the_form_of_an_unknown_key_selects_the_dialect_of_the_error(
    make: Factory, anyone: Client, settings: Settings, clock: TestClock
) -> None:
    async with running_application(settings, clock, default_dialect="astuto") as other:
        for token, error in UNKNOWN_KEYS.items():
            assert status_and_json(await anyone.of(token).get("/posts")) == error
            assert status_and_json(await Client(other, token=token).get("/posts")) == error
        for token in (None, *KEYS_OF_NO_FORM):
            assert status_and_json(await anyone.of(token).get("/posts")) == PRODUCTLIFT_401
            assert status_and_json(await Client(other, token=token).get("/posts")) == ASTUTO_401


async def test_the_dialect_of_a_host_overrides_that_of_the_server(
    make: Factory, anyone: Client, astuto: Client
) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="ideas.example.com"))
    await make.act(lambda work: portals.update_setting(work, setting="default_dialect", value="astuto"))

    for token in (None, *KEYS_OF_NO_FORM):
        assert status_and_json(await anyone.of(token, host="http://ideas.example.com").get("/posts")) == ASTUTO_401
        assert status_and_json(await anyone.of(token, host="http://other.example.com").get("/posts")) == PRODUCTLIFT_401
    for token, error in UNKNOWN_KEYS.items():
        assert status_and_json(await anyone.of(token, host="http://ideas.example.com").get("/posts")) == error


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer {}", "Token {}", "Bearer   {}", "Bearer\t{}", "  Bearer {}  ", 'Bearer "{}"', "Token token={}",
        'Bearer token="{}"', "Bearer {}, realm=x",
    ],
)  # fmt: skip
async def test_only_productlift_requires_the_scheme_bearer(
    anyone: Client, astuto: Client, productlift: Client, authorization: str
) -> None:
    ours = await anyone.get("/posts", headers={"authorization": authorization.format(astuto.token)})
    theirs = await anyone.get("/posts", headers={"authorization": authorization.format(productlift.token)})

    assert status_and_json(ours) == (200, [])
    # The tolerant rule finds the key, so ProductLift's dialect responds; its own rule decides whether the key is valid.
    insists = authorization.startswith("Bearer ")
    assert status_and_json(theirs) == ((200, PAGE_OF_NONE) if insists else PRODUCTLIFT_401)


@pytest.mark.parametrize("authorization", ["bearer {}", "BEARER {}", "{}", "Basic {}", "Bearer", "Bearer ", ""])
async def test_a_header_without_a_token_contains_no_key(
    anyone: Client, astuto: Client, productlift: Client, authorization: str
) -> None:
    for client in (astuto, productlift):
        headers = {"authorization": authorization.format(client.token)}

        assert status_and_json(await anyone.get("/posts", headers=headers)) == PRODUCTLIFT_401
        assert (
            status_and_json(await anyone.of(None, base="/astuto/api/v1").get("/posts", headers=headers)) == ASTUTO_401
        )


async def test_a_key_is_read_from_the_header_only(anyone: Client, astuto: Client) -> None:
    assert status_and_json(await anyone.get("/posts", headers={"x-api-key": astuto.token or ""})) == PRODUCTLIFT_401
    assert status_and_json(await anyone.get("/posts", params={"token": astuto.token or ""})) == PRODUCTLIFT_401


class TestSeveralPortals:
    """Two portals with hosts of their own, `one` and `two`."""

    @pytest.fixture
    async def two(self, make: Factory) -> tuple[str, str]:
        """Keys of the second portal's owner."""
        portal, owner = await make.new_portal("Second", host="two.example.com", email="two@example.com")
        await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))
        return await make.key(owner, "astuto", portal=portal), await make.key(owner, "productlift", portal=portal)

    async def test_a_key_is_valid_only_on_the_host_of_its_portal(
        self, make: Factory, anyone: Client, astuto: Client, productlift: Client, two: tuple[str, str]
    ) -> None:
        theirs = (two[0], ASTUTO_401), (two[1], PRODUCTLIFT_401)
        ours = (astuto.token, ASTUTO_401), (productlift.token, PRODUCTLIFT_401)
        for host, accepted, rejected in (("one", ours, theirs), ("two", theirs, ours)):
            for base in ("/api/v1", "/astuto/api/v1", "/productlift/api/v1"):
                for token, error in (*accepted, *rejected):
                    dialect = "/astuto" if error == ASTUTO_401 else "/productlift"
                    fits = base in ("/api/v1", dialect + "/api/v1")
                    response = await anyone.of(token, base=base, host=f"http://{host}.example.com").get("/posts")
                    if (token, error) in accepted and fits:
                        assert response.status_code == 200
                    else:
                        other = ASTUTO_401 if base.startswith("/astuto") else PRODUCTLIFT_401
                        assert status_and_json(response) == (error if fits else other)

    async def test_a_portal_without_a_host_is_unavailable_next_to_another(
        self, make: Factory, anyone: Client, astuto: Client, two: tuple[str, str]
    ) -> None:
        await make.run("UPDATE portals SET host = NULL WHERE id = :id", id=make.portal)
        make.server.services.authenticator.invalidate()

        for host in ("http://one.example.com", "http://two.example.com", "http://feedback.example.com"):
            assert status_and_json(await anyone.of(astuto.token, host=host).get("/posts")) == ASTUTO_401

    async def test_each_host_has_its_own_default_dialect(
        self, make: Factory, anyone: Client, two: tuple[str, str]
    ) -> None:
        await make.act(lambda work: portals.update_setting(work, setting="default_dialect", value="astuto"))

        assert status_and_json(await anyone.of(None, host="http://one.example.com").get("/posts")) == ASTUTO_401
        assert status_and_json(await anyone.of(None, host="http://two.example.com").get("/posts")) == PRODUCTLIFT_401

    async def test_x_forwarded_host_is_ignored_unless_the_setting_is_on(
        self, make: Factory, settings: Settings, clock: TestClock, two: tuple[str, str]
    ) -> None:
        forwarded = {"x-forwarded-host": "two.example.com", "x-forwarded-proto": "https"}
        post = await make.post(title="Dark mode")
        for proxies in ((), ("192.0.2.0/24",)):
            async with running_application(settings, clock, trusted_proxies=proxies) as server:
                client = Client(server, token=two[0], host="http://one.example.com")
                page = await client.of(None, base="", host="http://two.example.com").get(
                    f"/p/dark-mode-{await make.code(post)}", headers={"x-forwarded-host": "one.example.com"}
                )

                assert status_and_json(await client.get("/posts", headers=forwarded)) == ASTUTO_401
                assert page.status_code == 404

    @pytest.fixture
    async def behind_proxy(self, settings: Settings, clock: TestClock, two: tuple[str, str]) -> AsyncIterator[Client]:
        """A client of the second portal that reaches the first one's host through a trusted proxy."""
        trust: dict[str, Any] = {"trusted_proxies": ("192.0.2.0/24",), "forwarded_host": True}
        async with running_application(settings, clock, **trust) as server:
            yield Client(server, token=two[0], host="http://one.example.com")

    async def test_x_forwarded_host_is_used_from_a_trusted_proxy_only(self, behind_proxy: Client) -> None:
        forwarded = {"x-forwarded-host": "two.example.com", "x-forwarded-proto": "https"}
        untrusted = behind_proxy.of(behind_proxy.token, host="http://one.example.com", peer="203.0.113.66")

        assert status_and_json(await untrusted.get("/posts", headers=forwarded)) == ASTUTO_401
        assert status_and_json(await behind_proxy.get("/posts", headers=forwarded)) == (200, [])
        assert status_and_json(await behind_proxy.get("/posts")) == ASTUTO_401

    @pytest.mark.parametrize(
        ("lines", "is_second"),
        [
            (["one.example.com, two.example.com"], True),
            (["one.example.com", "two.example.com"], True),
            (["one.example.com,TWO.example.com:8443 "], True),
            (["two.example.com, one.example.com"], False),
            (["two.example.com", "one.example.com"], False),
            (["two.example.com,"], False),
            (["two.example.com@one.example.com"], False),
            (["http://two.example.com"], False),
            (["two.example.com."], False),
            ([""], False),
        ],
    )
    async def test_the_last_of_several_forwarded_hosts_is_used(
        self, behind_proxy: Client, lines: list[str], is_second: bool
    ) -> None:
        response = await behind_proxy.get("/posts", headers=[("x-forwarded-host", line) for line in lines])

        assert status_and_json(response) == ((200, []) if is_second else ASTUTO_401)

    async def test_links_without_a_base_url_have_the_host_and_port_of_the_request(
        self, make: Factory, two: tuple[str, str], productlift: Client
    ) -> None:
        code = await make.code(await make.post(title="Dark mode"))

        response = await productlift.of(productlift.token, host="http://one.example.com:8000").get("/posts")

        assert response.json()["data"][0]["url"] == f"http://one.example.com:8000/p/dark-mode-{code}"


async def test_unknown_paths_below_the_api_get_the_404_of_the_dialect(astuto: Client, productlift: Client) -> None:
    for path in ("", "/", "/nothing", "/posts/1/2/3/4"):
        assert status_and_json(await astuto.get(path)) == ASTUTO_404
        assert status_and_json(await productlift.get(path)) == PRODUCTLIFT_404


async def test_only_complete_path_segments_select_the_api(anyone: Client, astuto: Client) -> None:
    for base in (
        "/api/v1x",
        "/api/v",
        "/api",
        "/astuto/api/v1x",
        "/astuto",
        "/Astuto/api/v1",
        "/x/api/v1",
        "/api%2Fv1",
    ):
        response = await anyone.of(astuto.token, base=base).get("/posts")

        assert response.status_code == 404, base
        assert response.text not in ('{"status":404,"error":"Not Found"}', '{"message":""}')


@pytest.mark.parametrize("version", ["/api/v2", "/api/v0", "/api/v10", "/api/v01"])
async def test_an_unknown_version_gets_the_404_of_the_selected_dialect(
    make: Factory,
    anyone: Client,
    astuto: Client,
    productlift: Client,
    version: str,
    settings: Settings,
    clock: TestClock,
) -> None:
    adopted = "a-key-of-another-form"
    digest = key_formats.digest(adopted, settings.secret)
    await make.act(
        lambda work: api_keys.import_key(work, user_id=make.owner, dialect="astuto", digest_=digest, prefix="")
    )
    errors = {
        astuto.token: ASTUTO_404, adopted: ASTUTO_404, "tkn_mod_unknown": ASTUTO_404,
        productlift.token: PRODUCTLIFT_404, "7|unknown": PRODUCTLIFT_404, "unknown": PRODUCTLIFT_404,
        None: PRODUCTLIFT_404,
    }  # fmt: skip
    html = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

    for token, error in errors.items():
        client = anyone.of(token, base=version)
        for method, path in (("GET", "/boards"), ("GET", ""), ("GET", "/"), ("POST", "/posts"), ("GET", "/docs")):
            assert status_and_json(await client.request(method, path)) == error, (token, method, path)
        prefixed = [
            status_and_json(
                await anyone.of(token, base=f"/{dialect}{version}").get("/boards", headers=html if token else {})
            )
            for dialect in ("astuto", "productlift")
        ]
        assert prefixed == [ASTUTO_404, PRODUCTLIFT_404]
        if token is not None:
            assert status_and_json(await client.get("/boards", headers=html)) == error
    async with running_application(settings, clock, default_dialect="astuto") as other:
        assert status_and_json(await Client(other, token=None, base=version).get("/boards")) == ASTUTO_404
    page = await anyone.of(None, base=version).get("/boards", headers=html)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


async def test_an_encoded_slash_does_not_separate_segments(make: Factory, astuto: Client, productlift: Client) -> None:
    post = await make.post()
    for segment, expected in (
        ("no%20such%2Fboard%3C", "no such/board<"), ("%2f", "/"), ("987654%2Fvotes", "987654/votes"),
        ("a%2Fb%2F%2fc", "a/b//c"), ("x%252Fy", "x%2Fy"), ("%252f%2F", "%2f/"), ("%F0%9F%92%A5%2F", "💥/"),
    ):  # fmt: skip
        ours = {
            what: await astuto.get(f"/{what.lower()}s/{segment}") for what in ("Board", "Post", "Comment", "User")
        } | {"Like": await astuto.get(f"/votes/{segment}/")}
        theirs = await productlift.get(f"/posts/{segment}"), await productlift.get(f"/posts/{segment}/votes")

        for what, response in ours.items():
            assert status_and_json(response) == (404, {"errors": [f"{what} with id {expected} not found"]}), (
                what,
                segment,
            )
        for response in theirs:
            assert status_and_json(response) == (
                404,
                {"message": f"No query results for model [App\\Post] {expected}"},
            ), segment
    # Astuto reads only the leading integer of a segment, which is the id of the post.
    assert (await astuto.get(f"/posts/{post}%2Fapprove")).json()["id"] == post
    assert status_and_json(await astuto.put(f"/posts/{post}%2Fapprove")) == (200, {"id": post})
    for path in (f"/posts%2F{post}", "/users%2Fget_by_email", "%2Fposts"):
        assert status_and_json(await astuto.get(path)) == ASTUTO_404
        assert status_and_json(await productlift.get(path)) == PRODUCTLIFT_404


async def test_astuto_has_no_options_route_without_preflight_headers(anyone: Client, astuto: Client) -> None:
    for path in ("/posts", "/boards/1", "/nothing"):
        for headers in ({}, {"origin": "https://app.example.org"}):
            for client in (astuto, anyone.of(None, base="/astuto/api/v1")):
                response = await client.options(path, headers=headers)

                assert status_and_json(response) == ASTUTO_404
                assert "allow" not in response.headers


async def test_the_shared_path_has_no_openapi_documents(anyone: Client, astuto: Client) -> None:
    for path in ("/docs", "/openapi.json"):
        assert status_and_json(await astuto.get(path)) == ASTUTO_404
        assert status_and_json(await anyone.get(path)) == PRODUCTLIFT_404


async def test_a_write_in_one_dialect_is_visible_in_the_other(
    make: Factory, astuto: Client, productlift: Client
) -> None:
    made = (await productlift.post("/posts", json={"title": "Dark mode"})).json()["data"]
    seen = (await astuto.get("/posts")).json()
    assert [(post["title"], post["post_status"]["name"]) for post in seen] == [("Dark mode", "New")]

    voter = await make.user()
    voted = await astuto.post("/votes", json={"post_id": seen[0]["id"], "impersonated_user_id": voter})
    assert voted.status_code == 201

    assert (await productlift.get(f"/posts/{made['id']}")).json()["data"]["votes_count"] == 1

"""Tabs and the portal in ProductLift's dialect. docs/contracts/productlift.md, sections 7.5 to 7.7, 9.7 and 9.9."""

import pytest

from app.domain.portals import portals, tabs
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import UNKNOWN_TAB, invalid


async def test_the_portal_is_returned(make: Factory, productlift: Client) -> None:
    guid = await make.value("SELECT guid FROM portals")

    payload = await productlift.get("/portal")

    expected = {
        "guid": guid,
        "title": "Feedback",
        "localization": "en",
        "editor_type": "html",
        "invite_message": None,
        "jira_domain_url": None,
        "jira_enabled": False,
    }
    assert status_and_json(payload) == (200, {"data": expected})
    assert list(payload.json()["data"]) == list(expected)


async def test_the_portal_has_the_default_text_of_an_invitation(make: Factory, productlift: Client) -> None:
    text = "Welcome!\nTell us what you need. 👋"

    await make.act(lambda work: portals.update_setting(work, setting="invite_message", value=text))

    assert (await productlift.get("/portal")).json()["data"]["invite_message"] == text


async def test_tabs_are_listed_in_their_order(make: Factory, productlift: Client) -> None:
    of = make.tabs
    await make.act(lambda work: tabs.reorder(work, [of["changelog"]]))

    listed = await productlift.get("/tabs")

    assert status_and_json(listed) == (
        200,
        {
            "data": [
                {"id": of["changelog"], "name": "Changelog", "url": "changelog", "type": "changelog"},
                {"id": of["feedback"], "name": "Feedback", "url": "feedback", "type": "feedback"},
                {"id": of["roadmap"], "name": "Roadmap", "url": "roadmap", "type": "roadmap"},
            ]
        },
    )
    assert list(listed.json()["data"][0]) == ["id", "name", "url", "type"]


async def test_a_tab_is_found_by_id_and_by_url_key(make: Factory, productlift: Client) -> None:
    number, of = make.tabs["roadmap"], make.statuses
    place = {"tab_id": number, "tab_name": "Roadmap"}
    expected = (
        200,
        {
            "data": {
                "id": number,
                "name": "Roadmap",
                "url": "roadmap",
                "type": "roadmap",
                "statuses": [
                    {"id": of["Planned"], "name": "Planned", "color": "#0096ff", **place, "text_color": "#96ffff"},
                    {
                        "id": of["In Progress"],
                        "name": "In Progress",
                        "color": "#9437ff",
                        **place,
                        "text_color": "#ffcdff",
                    },
                ],
            }
        },
    )

    assert status_and_json(await productlift.get(f"/tabs/{number}")) == expected
    assert status_and_json(await productlift.get("/tabs/roadmap")) == expected


async def test_the_id_of_a_tab_takes_precedence_over_a_url_key(make: Factory, productlift: Client) -> None:
    await make.act(lambda work: tabs.add(work, name="Year", url="2026", kind="knowledgebase"))
    await make.act(lambda work: tabs.add(work, name="One", url=str(make.tabs["roadmap"])))

    assert (await productlift.get("/tabs/2026")).json()["data"] == {
        "id": 4,
        "name": "Year",
        "url": "2026",
        "type": "knowledgebase",
        "statuses": [],
    }
    assert (await productlift.get(f"/tabs/{make.tabs['roadmap']}")).json()["data"]["name"] == "Roadmap"


@pytest.mark.parametrize("key", ["99", "Roadmap", "nothing", "%00", "99999999999999999999", "-1"])
async def test_the_404_does_not_contain_an_unknown_tab(key: str, productlift: Client) -> None:
    assert status_and_json(await productlift.get(f"/tabs/{key}")) == UNKNOWN_TAB
    # Also before anything that is wrong with the input.
    assert status_and_json(await productlift.get(f"/tabs/{key}/fetch?limit=0")) == UNKNOWN_TAB


async def test_the_posts_of_a_tab_are_listed_like_all_posts(make: Factory, productlift: Client) -> None:
    planned = [await make.post(title=f"Planned {number}", status="Planned") for number in range(3)]
    begun = await make.post(title="Begun", status="In Progress")
    await make.post(title="New", status="New")
    await make.post(title="Without a status")
    codes = {post: await make.code(post) for post in (*planned, begun)}

    async def fetched(query: str = "") -> tuple[list[str], dict[str, object]]:
        page = (await productlift.get(f"/tabs/roadmap/fetch{query}")).json()
        return [post["id"] for post in page.pop("data")], page

    newest = [codes[begun], *(codes[post] for post in reversed(planned))]
    assert await fetched() == (newest, {"hasMore": False, "total": 4, "skip": 0, "limit": 10})
    assert await fetched("?limit=2&skip=1") == (newest[1:3], {"hasMore": True, "total": 4, "skip": 1, "limit": 2})
    assert await fetched("?order_by=title&limit=1") == (
        [codes[begun]],
        {"hasMore": True, "total": 4, "skip": 0, "limit": 1},
    )
    assert await fetched(f"?status={make.statuses['In Progress']}") == (
        [codes[begun]],
        {"hasMore": False, "total": 1, "skip": 0, "limit": 10},
    )
    # The tab is the address's; one in the query is unknown and ignored.
    assert (await fetched("?tab=feedback"))[0] == newest
    by_number = await productlift.get(f"/tabs/{make.tabs['roadmap']}/fetch?limit=4")
    assert by_number.json() == (await productlift.get("/posts?tab=roadmap&limit=4")).json()


async def test_fetching_a_tab_validates_its_parameters(productlift: Client) -> None:
    assert status_and_json(await productlift.get("/tabs/roadmap/fetch?limit=0&order_by=price")) == invalid(
        limit="The limit must be at least 1.", order_by="The selected order by is invalid."
    )

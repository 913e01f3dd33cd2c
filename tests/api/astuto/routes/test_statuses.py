"""Post statuses in Astuto's dialect. docs/contracts/astuto.md, section 2.2."""

from tests.support.clients import Client
from tests.support.factory import Factory


async def test_all_statuses_are_listed_by_id(make: Factory, astuto: Client) -> None:
    await make.run("UPDATE statuses SET position = 10 - position")

    response = await astuto.get("/post_statuses", params={"limit": 1})

    assert response.status_code == 200
    payload = [(row["name"], row["color"], row["show_in_roadmap"]) for row in response.json()]
    assert payload == [
        ("New", "#8B95A1", False),
        ("Planned", "#0096ff", True),
        ("In Progress", "#9437ff", True),
        ("Completed", "#6ac47c", True),
        ("Rejected", "#ff2600", False),
    ]
    assert list(response.json()[0]) == ["id", "name", "color", "show_in_roadmap", "created_at", "updated_at"]
    assert [row["id"] for row in response.json()] == sorted(make.statuses.values())

"""What users can be filtered by, in ProductLift's dialect. docs/contracts/productlift.md, section 9.10."""

from app.domain.users import users
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory

FILTERS = ("/users/groups-filter", "/users/plan-types", "/users/segment-metadata-keys")


async def add_group(make: Factory, name: str) -> int:
    """A group; its id."""
    await make.run(
        "INSERT INTO user_groups (portal_id, name, name_key, created_at, updated_at) "
        "SELECT id, :name, :key, created_at, updated_at FROM portals",
        name=name,
        key=name.lower(),
    )
    return int(await make.value("SELECT id FROM user_groups WHERE name = :name", name=name))


async def test_groups_are_listed_by_name_in_any_letter_case(make: Factory, productlift: Client) -> None:
    names = ("Zebras", "anglers", "Émigrés", "Beta testers")
    ids = {name: await add_group(make, name) for name in names}

    listed = await productlift.get("/users/groups-filter")

    ordered = ("anglers", "Beta testers", "Zebras", "Émigrés")
    assert status_and_json(listed) == (200, {"data": [{"id": ids[name], "name": name} for name in ordered]})


async def test_plans_are_listed_once_by_name(make: Factory, productlift: Client) -> None:
    assert status_and_json(await productlift.get("/users/plan-types")) == (200, {"data": []})
    ids = {}
    for number, plan in enumerate(("Pro", "basic", "Pro", None, "Old", "Team")):
        ids[number] = await make.act(
            lambda work, number=number, plan=plan: users.create(
                work, email=f"jane{number}@example.com", name="Jane", plan=plan
            )
        )
    # The only user of a plan leaves; the plan of another one ends.
    await productlift.delete(f"/users/{await make.uuid(ids[4])}")
    await make.act(lambda work: users.update(work, ids[5], plan=None))

    listed = await productlift.get("/users/plan-types")

    assert status_and_json(listed) == (200, {"data": [{"id": name, "name": name} for name in ("basic", "Pro")]})


async def test_the_keys_of_segments_are_those_of_sign_on(productlift: Client) -> None:
    listed = await productlift.get("/users/segment-metadata-keys")

    assert status_and_json(listed) == (
        200,
        {
            "data": [
                {"key": "company", "label": "Company", "type": "string"},
                *({"key": key, "label": key.capitalize(), "type": "number"} for key in ("mrr", "arr", "ltv")),
                *(
                    {"key": f"segment_{number}", "label": f"Segment {number}", "type": "string"}
                    for number in range(1, 11)
                ),
            ]
        },
    )
    assert list(listed.json()["data"][0]) == ["key", "label", "type"]


async def test_these_paths_take_precedence_over_a_user_and_have_no_other_methods(productlift: Client) -> None:
    for path in FILTERS:
        response = await productlift.get(f"{path}/")
        assert (response.status_code, list(response.json())) == (200, ["data"]), path
        # As for any path of a user.
        assert (await productlift.patch(path, json={"name": "Jane"})).status_code == 404
        assert (await productlift.post(path)).status_code == 405

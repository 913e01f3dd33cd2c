"""GET /widgets and /widgets/{widget}. docs/contracts/productlift.md, section 9.12."""

from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory


async def test_widgets_are_listed_by_name(make: Factory, productlift: Client) -> None:
    assert status_and_json(await productlift.get("/widgets")) == (200, {"data": []})
    names = {"Menu": "widget", "about": "embed", "Side": "sidebar"}
    ids = {
        name: await make.widget(name, kind=kind, frame_ancestors="https://a.example") for name, kind in names.items()
    }

    response = await productlift.get("/widgets")

    expected = [{"id": ids[name], "name": name, "type": names[name]} for name in sorted(names, key=str.lower)]
    assert status_and_json(response) == (200, {"data": expected})
    assert response.text.startswith('{"data":[{"id":"')
    assert list(response.json()["data"][0]) == ["id", "name", "type"]


async def test_a_widget_is_found_by_its_uuid_in_any_case(make: Factory, productlift: Client) -> None:
    widget = await make.widget("Menu", kind="sidebar")
    await make.widget("Other")

    for key in (widget, widget.upper()):
        assert status_and_json(await productlift.get(f"/widgets/{key}")) == (
            200,
            {"data": {"id": widget, "name": "Menu", "type": "sidebar"}},
        )


async def test_an_unknown_widget_is_reported_as_it_was_sent(make: Factory, productlift: Client) -> None:
    await make.widget()

    for key in ("00000000-0000-4000-8000-000000000009", "1", "Menu", "%00", "x" * 300):
        status, payload = status_and_json(await productlift.get(f"/widgets/{key}"))

        sent = key.replace("%00", "\0")
        assert (status, payload) == (404, {"message": f"No query results for model [App\\Widget] {sent}"})


async def test_widgets_can_not_be_changed(make: Factory, productlift: Client) -> None:
    widget = await make.widget()
    for method, path in (("POST", "/widgets"), ("PATCH", f"/widgets/{widget}"), ("DELETE", f"/widgets/{widget}")):
        response = await productlift.request(method, path, json={"name": "X", "type": "embed"})

        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD"), path

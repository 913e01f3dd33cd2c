"""Which files are deleted: those of deleted posts, rejected requests and cancelled requests."""

import asyncio

import pytest

from app.adapters.storage.base import generate_name
from app.application import Application
from tests.api.productlift.routes.test_uploads import PNG, TEXT, create_post, list_files, make_image
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.support.productlift import UNKNOWN_UUID


async def test_a_rejected_request_leaves_no_file(productlift: Client, server: Application, make: Factory) -> None:
    files = {"image": PNG, "attachment": TEXT}
    post = await make.code(await make.post())

    responses = [
        await productlift.post("/posts", data={"title": "One", "user_id": UNKNOWN_UUID}, files=files),
        await productlift.post("/posts", data={"title": "O"}, files=files),
        await productlift.request("PATCH", f"/posts/{post}", data={"user_id": UNKNOWN_UUID}, files=files),
        await productlift.request("PATCH", "/posts/zzzzzz", files=files),
        await productlift.of("1|nobody").post("/posts", data={"title": "One"}, files=files),
    ]

    assert [response.status_code for response in responses] == [404, 422, 404, 404, 401]
    assert await list_files(server) == []
    assert await make.value("SELECT count(*) FROM attachments") == 0
    assert await make.value("SELECT image FROM posts") is None


@pytest.mark.parametrize("dialect", ["productlift", "astuto"])
async def test_the_files_of_a_deleted_post_are_deleted(
    dialect: str, productlift: Client, astuto: Client, server: Application, make: Factory
) -> None:
    await create_post(productlift, image=PNG, attachment=TEXT)
    assert len(await list_files(server)) == 2
    client = astuto if dialect == "astuto" else productlift

    deleted = await client.delete(f"/posts/{await make.value('SELECT id FROM posts')}")

    assert deleted.status_code == 200
    assert await list_files(server) == []
    assert await make.value("SELECT count(*) FROM attachments") == 0


async def test_the_files_of_a_user_who_is_deleted_with_all_data_are_deleted(
    productlift: Client, server: Application, make: Factory
) -> None:
    jane = await make.uuid(await make.user())
    files = {"image": PNG, "attachment": TEXT}
    for author in (jane, await make.uuid(make.owner)):
        await productlift.post("/posts", data={"title": "One", "user_id": author}, files=files)

    await productlift.send_json("DELETE", f"/users/{jane}", {"delete_all_data": True})

    kept = await make.rows("SELECT name FROM attachments ORDER BY name")
    assert len(kept) == 2
    assert sorted(await list_files(server)) == [row["name"] for row in kept]


async def test_one_of_several_concurrent_images_is_kept(
    productlift: Client, server: Application, make: Factory
) -> None:
    post = await make.code(await make.post())

    responses = await asyncio.gather(
        *(
            productlift.request("PATCH", f"/posts/{post}", files={"image": (f"{form}.x", make_image(form))})
            for form in ("PNG", "GIF", "BMP", "WEBP")
        )
    )

    assert [response.status_code for response in responses] == [200] * 4
    shown = await make.value("SELECT image FROM posts")
    assert await list_files(server) == [shown]
    assert [row["name"] for row in await make.rows("SELECT name FROM attachments")] == [shown]


async def test_a_file_without_a_post_is_deleted_after_an_hour(
    productlift: Client, server: Application, clock: TestClock
) -> None:
    uploads = server.services.uploads
    await create_post(productlift, attachment=TEXT)
    (kept,) = await list_files(server)
    lost = generate_name("png")
    await uploads.files.put(lost, b"picture", "image/png")

    assert await uploads.delete_orphans() == 0
    clock.advance(hours=2)
    assert await uploads.delete_orphans() == 1

    assert await list_files(server) == [kept]


async def test_an_uncertain_commit_deletes_only_files_without_a_post(productlift: Client, server: Application) -> None:
    uploads = server.services.uploads
    await create_post(productlift, attachment=TEXT)
    (kept,) = await list_files(server)
    lost = generate_name()
    await uploads.files.put(lost, b"lost", "text/plain")

    await uploads.rollback([kept, lost], in_doubt=True)

    assert await list_files(server) == [kept]


async def test_a_request_that_is_cancelled_leaves_no_file_without_a_post(
    productlift: Client, server: Application, make: Factory
) -> None:
    files = {"image": ("a.png", make_image("PNG", size=(600, 400)))}

    for steps in (0, 1, 2, 4, 8, 16, 32):
        task = asyncio.ensure_future(productlift.post("/posts", data={"title": f"After {steps}"}, files=files))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    await server.services.uploads.close()
    recorded = sorted([row["name"] for row in await make.rows("SELECT name FROM attachments")])
    assert await list_files(server) == recorded

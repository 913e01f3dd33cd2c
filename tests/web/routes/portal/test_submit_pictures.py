"""The pictures of a post that is written: which ones are accepted, and that they are kept with the form."""

import html
import re

import httpx
import pytest

from app.web import forms, pictures
from app.web.pictures import KEEP
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn
from tests.web.routes.portal.post_forms import (
    GIF,
    PNG,
    TEXTS,
    images,
    open_form,
    read_errors,
    read_hidden,
    read_kept_pictures,
    read_typed,
)

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
NO_PICTURE = "is not a picture: PNG, JPEG, GIF and WebP can be used."


class TestPictures:
    async def test_several_pictures_become_the_image_and_attachments(
        self, sign_in: SignIn, visitor: Client, make: Factory
    ) -> None:
        client = await sign_in(await make.user())

        response = await client.post(
            "/submit",
            data={**await open_form(client), **TEXTS},
            files=images(("one.png", PNG), ("two.gif", GIF), ("three.png", PNG)),
        )

        rows = await make.rows("SELECT kind, name, original_name, media_type FROM attachments ORDER BY id")
        assert [(row["kind"], row["original_name"], row["media_type"]) for row in rows] == [
            ("image", "one.png", "image/png"),
            ("attachment", "two.gif", "image/gif"),
            ("attachment", "three.png", "image/png"),
        ]
        assert await make.value("SELECT image FROM posts") == rows[0]["name"]
        page = await visitor.get(response.headers["location"])
        shown = re.findall(r'<a href="(/files/[^"]+)" data-lightbox>', page.text)
        assert shown == [f"/files/{row['name']}" for row in rows]
        assert [(await visitor.get(path)).status_code for path in shown] == [200] * 3

    async def test_pictures_of_a_pending_post_are_shown_to_its_author_alone(
        self, sign_in: SignIn, visitor: Client, make: Factory
    ) -> None:
        await make.run("UPDATE portals SET moderation_policy = 'always'")
        client = await sign_in(await make.user())

        response = await client.post("/submit", data={**await open_form(client), **TEXTS}, files=images(("a.png", PNG)))

        page = await client.get(response.headers["location"])
        [path] = re.findall(r'<a href="(/files/[^"]+)" data-lightbox>', page.text)
        assert (await visitor.get(html.unescape(path))).status_code == 200
        assert (await visitor.get(path.partition("?")[0])).status_code == 404

    async def test_a_form_with_errors_keeps_the_pictures(self, sign_in: SignIn, make: Factory) -> None:
        client = await sign_in(await make.user())

        page = await client.post(
            "/submit",
            data={**await open_form(client), "title": "", "description": "x"},
            files=images(("one.png", PNG), ("two.gif", GIF)),
        )
        first, second = read_kept_pictures(page)
        response = await client.post(
            "/submit",
            data={**read_hidden(page), **TEXTS, "pictures": [second[0]]},
            files=images(("three.png", PNG)),
        )

        assert (page.status_code, first[1], second[1]) == (422, "one.png", "two.gif")
        assert response.status_code == 303
        rows = await make.rows("SELECT kind, original_name FROM attachments ORDER BY id")
        assert [(row["kind"], row["original_name"]) for row in rows] == [
            ("image", "two.gif"),
            ("attachment", "three.png"),
        ]

    @pytest.mark.parametrize(
        ("name", "content", "problem"),
        [
            ("notes.txt", b"text", NO_PICTURE),
            ("cut.png", PNG[:-40], NO_PICTURE),
            ("x.svg", SVG, NO_PICTURE),
            ("huge.png", b"\x89PNG\r\n\x1a\n" + bytes(pictures.MAX_PICTURE_BYTES), "is larger than 20 MB."),
        ],
    )  # fmt: skip
    async def test_a_file_that_is_no_picture_is_named_beside_the_field(
        self, sign_in: SignIn, make: Factory, name: str, content: bytes, problem: str
    ) -> None:
        client = await sign_in(await make.user())

        page = await client.post(
            "/submit",
            data={**await open_form(client), **TEXTS},
            files=images((name, content), ("good.png", PNG)),
        )

        assert page.status_code == 422
        assert read_errors(page) == {"images": f"{name} {problem}"}
        assert read_typed(page) == TEXTS
        assert [kept for _, kept in read_kept_pictures(page)] == ["good.png"]
        assert await make.rows("SELECT id FROM posts") == []

    async def test_a_body_that_is_too_large_keeps_the_text(self, sign_in: SignIn, make: Factory) -> None:
        client = await sign_in(await make.user())
        large = b"\x89PNG\r\n\x1a\n" + bytes(10 << 20)

        page = await client.post(
            "/submit",
            data={**await open_form(client), **TEXTS},
            files=images(("good.png", PNG), *((f"{number}.png", large) for number in range(3))),
        )

        assert page.status_code == 422
        assert "The pictures are larger than 28 MB together." in read_errors(page)["images"]
        assert read_typed(page) == TEXTS
        assert [kept for _, kept in read_kept_pictures(page)] == ["good.png"]

    async def test_a_body_beyond_all_bounds_is_refused_unread(self, sign_in: SignIn, make: Factory) -> None:
        client = await sign_in(await make.user())

        page = await client.post(
            "/submit",
            content=b"",
            headers={
                "content-type": "multipart/form-data; boundary=x",
                "content-length": str(forms.MAX_READ_BYTES + 1),
            },
        )

        assert page.status_code == 413
        assert "all pictures together 28 MB" in page.text

    async def test_a_post_has_at_most_eight_pictures(self, sign_in: SignIn, make: Factory) -> None:
        client = await sign_in(await make.user())

        page = await client.post(
            "/submit",
            data={**await open_form(client), **TEXTS},
            files=images(*((f"{number}.png", PNG) for number in range(9))),
        )

        assert read_errors(page) == {"images": "A post can have at most 8 pictures."}
        assert len(read_kept_pictures(page)) == 8

    async def test_kept_pictures_are_valid_once_for_their_user_and_for_a_while(
        self, sign_in: SignIn, make: Factory, clock: TestClock
    ) -> None:
        jane, jim = await sign_in(await make.user()), await sign_in(await make.user())
        page = await jane.post(
            "/submit",
            data={**await open_form(jane), "title": "", "description": ""},
            files=images(("one.png", PNG), ("two.png", PNG)),
        )
        (first, _), (second, _) = read_kept_pictures(page)

        async def send(client: Client, sealed: str, title: str = "Dark mode") -> httpx.Response:
            data = {**await open_form(client), "title": title, "similar_seen": "yes", "pictures": sealed}
            return await client.post("/submit", data=data)

        assert (await send(jane, first)).status_code == 303
        twice = await send(jane, first, title="Another title")
        assert (await send(jim, second)).status_code == 303
        clock.advance(seconds=KEEP.total_seconds() + 1)
        assert (await send(jane, second)).status_code == 303

        assert twice.status_code == 422
        assert read_errors(twice) == {"images": "Choose the pictures again: only your text could be kept."}
        name = await make.value("SELECT name FROM attachments")
        assert (await jane.get(f"/files/{name}")).status_code == 200
        assert await make.value("SELECT count(*) FROM posts") == 3

"""Posts in ProductLift's dialect. docs/contracts/productlift.md, sections 7.8 to 7.12 and 7.15."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from app.adapters.images import kind_of
from app.api.productlift import errors, path_params, responses, serializers
from app.api.productlift.field_types import FILE, ID, STRING, UUID, image
from app.api.productlift.forms import REQUIRED, Form, Rule, max_kilobytes, max_length, min_length
from app.api.productlift.responses import JSON, chapter, takes
from app.api.productlift.routes import post_list
from app.api.productlift.routes.uploads import Received, received
from app.api.productlift.schemas import Duplicates, Nothing, PostData, PostPage
from app.api.request import Call
from app.api.streaming import in_pieces
from app.domain.errors import NotFound
from app.domain.portals import categories, sections, statuses
from app.domain.posts import create, update
from app.domain.posts.create import Submission
from app.domain.posts.update import Changes
from app.domain.search.duplicates import similar_ids
from app.domain.sql.text_limits import LongTexts, max_text_bytes
from app.domain.unit_of_work import Work
from app.domain.unset import KEEP
from app.http.request import Answer

posts_chapter = chapter("Posts")

TITLE: Final[tuple[Rule, ...]] = (STRING, min_length(2), max_length(180))
_REST: Final[dict[str, tuple[Rule, ...]]] = {
    "description": (STRING,),
    "category_id": (ID,),
    "status_id": (ID,),
    "section_id": (ID,),
    "user_id": (UUID,),
    "image": (image(kind_of), max_kilobytes(20480)),
    "attachment": (FILE, max_kilobytes(5240)),
}
CREATE: Final = Form(title=(REQUIRED, *TITLE), **_REST)
UPDATE: Final = Form(title=TITLE, **_REST)
SEARCH: Final = Form(title=TITLE, description=(STRING,))


@posts_chapter.route("GET", "/posts", answers=PostPage, parameters=post_list.LIST.parameters(), may_refuse=[422])
async def list_posts(call: Call) -> Answer:
    """Posts of every moderation state, filtered, sorted, a page at a time."""
    return await post_list.page(call, post_list.LIST.read(call.asked))


@posts_chapter.route(
    "GET", "/posts/search_duplicates", answers=Duplicates, parameters=SEARCH.parameters(), may_refuse=[422]
)
async def search_duplicates(call: Call) -> Answer:
    """Posts that may be about the same: the likeliest first, at most ten, never a rejected one."""
    wanted = SEARCH.read(call.asked)

    def shown(work: Work, ids: Sequence[int]) -> list[Any]:
        rows = serializers.DUPLICATES.by_ids(work, ids)
        return [{"id": code, "title": title, "description": text or ""} for _, code, title, text in rows]

    def search(work: Work) -> Answer:
        found = shown(work, ids) if ids else []
        return Answer(200, orjson.dumps({"count": len(found), "posts": found}), JSON)

    ids = await call.reading(lambda work: similar_ids(work, wanted.get("title"), wanted.get("description")), slow=True)
    try:
        return await call.reading(search, slow=True, max_text=max_text_bytes(len(ids)))
    except LongTexts:
        before = b'{"count":%d,"posts":[' % len(ids)
        return responses.in_pieces(await in_pieces(call, ids, shown, before=before, after=b"]}"))


@posts_chapter.route("GET", "/posts/{post}", answers=PostData, parameters=[path_params.POST], may_refuse=[404])
async def show_post(call: Call) -> Answer:
    """One post."""
    key = call.path["post"]
    base_url, signer = call.standing.base_url or "", call.services.signer

    def get(work: Work) -> Answer:
        return responses.data(serializers.post(serializers.POSTS.by_key(work, key), base_url, signer))

    return await call.reading(get)


@posts_chapter.route("POST", "/posts", answers=PostData, body=takes(CREATE), may_refuse=[404, 422])
async def create_post(call: Call) -> Answer:
    """Submit a post; its author is the token's user unless another is named. The portal's policy may let it wait."""
    wanted = CREATE.read(call.asked)
    base_url, signer = call.standing.base_url or "", call.services.signer
    sent_user: str | None = wanted.get("user_id")
    wish = Submission(
        title=wanted["title"],
        # Never null, which Astuto's dialect would show: section 7.9.
        description=wanted.get("description") or "",
        author=sent_user.lower() if sent_user else call.admission.user_id,
        status_id=wanted.get("status_id"),
        default_status=True,
        section_id=wanted.get("section_id"),
        category_id=wanted.get("category_id"),
        follow=True,
        deleted_author=False,
        moderation=None,
    )

    async with received(call, wanted) as files:

        def submit(work: Work) -> Answer:
            with errors.asked_as(user=sent_user):
                submitted = create.submit(work, wish)
            if not files:
                return responses.data(serializers.fresh_post(wish, submitted, work.now, base_url, signer))
            files.attach(work, submitted.id)
            return responses.data(serializers.post(serializers.POSTS.by_id(work, submitted.id), base_url, signer))

        return await call.writing(submit, at_once=not files)


@posts_chapter.route(
    ["PATCH", "PUT"],
    "/posts/{post}",
    answers=PostData,
    parameters=[path_params.POST],
    body=takes(UPDATE),
    may_refuse=[404, 422],
)
async def update_post(call: Call) -> Answer:
    """Change what is sent of a post. `user_id` null makes it anonymous, `category_id` null clears its categories."""
    key = call.path["post"]
    base_url, signer = call.standing.base_url or "", call.services.signer
    # The 404 of the post comes before anything that is wrong with the input, and before a file is stored.
    post_id = await call.reading(lambda work: int(serializers.POSTS.by_key(work, key)[0]))
    wanted = UPDATE.read(call.asked)

    async with received(call, wanted) as files:

        def change(work: Work) -> Answer:
            with errors.asked_as(post=key, user=wanted.get("user_id")):
                _change(work, post_id, wanted, files)
                return responses.data(serializers.post(serializers.POSTS.by_id(work, post_id), base_url, signer))

        return await call.writing(change)


@posts_chapter.route("DELETE", "/posts/{post}", answers=Nothing, parameters=[path_params.POST], may_refuse=[404])
async def delete_post(call: Call) -> Answer:
    """Take a post away, with its votes and comments."""
    key = call.path["post"]

    def delete(work: Work) -> list[str]:
        post_id = serializers.POSTS.by_key(work, key)[0]
        with errors.asked_as(post=key):
            return update.delete(work, post_id)

    await call.services.uploads.discard(await call.writing(delete, slow=True))
    return responses.EMPTY


def _change(work: Work, post_id: int, wanted: Mapping[str, Any], files: Received) -> None:
    update.edit(
        work,
        post_id,
        Changes(
            title=wanted.get("title") or KEEP,
            description=(wanted["description"] or "") if "description" in wanted else KEEP,
            author=_lowered(wanted["user_id"]) if "user_id" in wanted else KEEP,
            category_ids=_known_category(work, wanted["category_id"]) if "category_id" in wanted else KEEP,
            section_id=_known_section(work, wanted["section_id"]) if "section_id" in wanted else KEEP,
        ),
    )
    status_id = wanted.get("status_id")
    if status_id is not None and _exists(lambda: statuses.get(work, status_id)):
        update.change_status(work, post_id, status_id, user_id=work.actor.user_id)
    files.attach(work, post_id)


def _lowered(uuid: str | None) -> str | None:
    return None if uuid is None else uuid.lower()


def _known_category(work: Work, category_id: int | None) -> list[int]:
    """As on create, an unknown category is none; here it replaces all that the post carries."""
    if category_id is None or not _exists(lambda: categories.get(work, category_id)):
        return []
    return [category_id]


def _known_section(work: Work, section_id: int | None) -> int | None:
    """As on create, an unknown section is none."""
    if section_id is None or not _exists(lambda: sections.get(work, section_id)):
        return None
    return section_id


def _exists(get: Callable[[], object]) -> bool:
    try:
        get()
    except NotFound:
        return False
    return True

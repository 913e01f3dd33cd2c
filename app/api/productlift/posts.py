"""Posts in ProductLift's dialect. docs/contracts/productlift.md, sections 7.8 to 7.12 and 7.15."""

from app.adapters.pictures import kind_of
from app.api.calls import Answer, Call
from app.api.declaring import in_path
from app.api.productlift import answers, shapes
from app.api.productlift.answers import chapter
from app.api.productlift.kinds import FILE, ID, INTEGER, REFERENCE, STRING, UUID, each, image, one_of
from app.api.productlift.rules import REQUIRED, Form, max_kilobytes, max_length, maximum, min_length, minimum
from app.api.productlift.shapes import PostData, PostPage
from app.api.productlift.uploads import received
from app.domain import posts
from app.domain.post_views import ORDERS, PostFilter
from app.domain.posts import Submission
from app.domain.work import Work

posts_chapter = chapter("Posts")

LIST = Form(
    tab=(STRING,),
    category=(REFERENCE,),
    section=(REFERENCE,),
    limit=(INTEGER, minimum(1), maximum(100)),
    skip=(INTEGER,),
    status=(each(ID),),
    order_by=(one_of(*ORDERS),),
    order_direction=(one_of("asc", "desc"),),
)
CREATE = Form(
    title=(REQUIRED, STRING, min_length(2), max_length(180)),
    description=(STRING,),
    category_id=(ID,),
    status_id=(ID,),
    section_id=(ID,),
    user_id=(UUID,),
    image=(image(kind_of), max_kilobytes(20480)),
    attachment=(FILE, max_kilobytes(5240)),
)
_ASCENDING = ("title", "order")
KEY = in_path("post", {"type": "string"}, "The post's six-character code, or its number")


@posts_chapter.route("GET", "/posts", answers=PostPage, parameters=LIST.parameters(), may_refuse=[422])
async def list_posts(call: Call) -> Answer:
    """Posts of every moderation state, filtered, sorted, a page at a time."""
    wanted = LIST.read(call.asked)
    base_url = call.standing.base_url or ""
    order = wanted.get("order_by") or "created_at"
    direction = wanted.get("order_direction")
    descending = direction == "desc" if direction else order not in _ASCENDING
    limit, skip = wanted.get("limit") or 10, max(0, wanted.get("skip") or 0)
    narrowed = PostFilter(
        tab_url=wanted.get("tab"),
        status_ids=wanted.get("status"),
        category_ids=None if wanted.get("category") is None else [wanted["category"]],
        section_ids=None if wanted.get("section") is None else [wanted["section"]],
    )

    def page(work: Work) -> Answer:
        found = shapes.POSTS.page_with_total(
            work, narrowed, order=order, descending=descending, skip=skip, limit=limit
        )
        shown = [shapes.post(row, base_url) for row in found.rows]
        return answers.page(shown, total=found.total, skip=skip, limit=limit)

    return await call.reading(page)


@posts_chapter.route("GET", "/posts/{post}", answers=PostData, parameters=[KEY], may_refuse=[404])
async def show_post(call: Call) -> Answer:
    """One post."""
    key = call.path["post"]
    base_url = call.standing.base_url or ""

    def get(work: Work) -> Answer:
        return answers.data(shapes.post(shapes.POSTS.by_key(work, key), base_url))

    return await call.reading(get)


@posts_chapter.route("POST", "/posts", answers=PostData, may_refuse=[404, 422])
async def create_post(call: Call) -> Answer:
    """Submit a post; its author is the token's user unless another is named."""
    wanted = CREATE.read(call.asked)
    base_url = call.standing.base_url or ""
    wish = Submission(
        title=wanted["title"],
        description=wanted.get("description"),
        author=wanted["user_id"].lower() if wanted.get("user_id") else call.admission.user_id,
        status_id=wanted.get("status_id"),
        default_status=True,
        section_id=wanted.get("section_id"),
        category_id=wanted.get("category_id"),
        follow=True,
    )

    async with received(call, wanted) as files:

        def submit(work: Work) -> Answer:
            post_id = posts.submit(work, wish)
            files.attach(work, post_id)
            return answers.data(shapes.post(shapes.POSTS.by_id(work, post_id), base_url))

        return await call.writing(submit, at_once=not files)

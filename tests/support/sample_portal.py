"""A portal with a row of each kind, and valid requests to any route."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.domain import product_vision
from app.domain.portals import categories, sections, statuses
from app.domain.posts import moderation, update
from app.domain.posts.update import PostUpdate
from app.domain.users import users
from tests.support.factory import Factory
from tests.support.routes import Route

_number = itertools.count(1)


@dataclass(frozen=True)
class SamplePortal:
    """The ids of one portal's rows, its code and its UUIDs. `shelf` is a section that may be a parent."""

    portal: int
    owner: int
    board: int
    tab: int
    tab_url: str
    status: int
    section: int
    category: int
    tag: int
    group: int
    user: int
    uuid: str
    email: str
    voter: int
    voter_uuid: str
    post: int
    code: str
    pending: int
    pending_code: str
    vote: int
    comment: int
    official: int
    shelf: int
    feedback: int
    widget: str
    visitor: str = "visitor"
    """The id of an anonymous vote for the post."""
    newcomer: str = "newcomer"
    """An anonymous id without a vote."""


NOWHERE = SamplePortal(
    portal=987_654_301, owner=987_654_302, board=987_654_303, tab=987_654_304, tab_url="nowhere", status=987_654_305,
    section=987_654_306, category=987_654_307, user=987_654_308, uuid="00000000-0000-4000-8000-000000000000",
    email="nobody@example.com", voter=987_654_309, voter_uuid="00000000-0000-4000-8000-000000000001", post=987_654_310,
    code="zzzzzz", pending=987_654_311, pending_code="zzzzzy", vote=987_654_312, comment=987_654_313,
    official=987_654_314, shelf=987_654_315, tag=987_654_316, group=987_654_317, feedback=987_654_318,
    widget="00000000-0000-4000-8000-000000000002",
)  # fmt: skip
"""Values that no portal has."""

# The attribute of SamplePortal that a path parameter names, by the fixed segment before it.
_PLACES = {
    "astuto": {"boards": "board", "posts": "post", "comments": "comment", "users": "user", "votes": "vote"},
    "productlift": {
        "posts": "code", "votes": "voter_uuid", "comments": "comment", "users": "uuid", "categories": "category",
        "statuses": "status", "sections": "section", "tabs": "tab", "tags": "tag", "groups": "group",
        "feedback": "feedback",
        "widgets": "widget",
    },
}  # fmt: skip
_DECISIONS = ("approve", "reject")

# Parameters that refer to a row, and the attribute of SamplePortal.
_REFERENCES = {
    "astuto": {
        "board_id": "board", "post_id": "post", "user_id": "user", "post_status_id": "status", "parent_id": "comment",
        "impersonated_user_id": "voter",
    },
    "productlift": {
        "category_id": "category", "status_id": "status", "section_id": "section", "user_id": "uuid",
        "parent_id": "comment", "tab_id": "tab", "tab": "tab_url", "category": "category", "section": "section",
        "status": "status", "post_id": "code", "user_ids": "uuid", "tag_ids": "tag", "tag_id": "tag",
    },
}  # fmt: skip

# All other inputs, with values that every route takes that has them.
_VALUES: dict[str, Any] = {
    "title": "An idea", "description": "In <b>few</b> words", "name": "A name", "full_name": "Jane Roe",
    "body": "Hear, hear", "comment": "Hear, hear", "slug": None, "color": "#a1b2c3", "role": "member", "limit": 50,
    "offset": 0, "skip": 0, "order_by": "votes_count", "order_direction": "asc", "is_post_update": True,
    "internal": False, "pinned_to_top": True, "tagged_for_changelog": True, "invitation_message": "Do come",
    "skip_email": "1", "query": "dark mode", "status": "reviewed", "password": "correct horse battery",
    "delete_all_data": True,
    "content": "All of it", "vision": "No queue", "target_group": "Small teams", "needs": "Less typing",
    "product": "A portal", "business_goals": "Ten customers",
}  # fmt: skip


def place_of(route: Route, place: str) -> str | None:
    """The attribute of SamplePortal for a path parameter; None if it identifies no row. Raises KeyError for an unknown
    one.
    """
    before = route.path.split("/{" + place + "}")[0].rpartition("/")[2]
    if place in ("type", "anonymous_id"):
        return None
    if before == "votes" and route.method == "DELETE" and route.dialect == "productlift":
        return "uuid"
    if any(decision in route.path for decision in _DECISIONS):
        return "pending" if route.dialect == "astuto" else "pending_code"
    if route.path.endswith("/unmark_as_post_update"):
        return "official"
    return _PLACES[route.dialect][before]


def address(route: Route, sample: SamplePortal, **others: SamplePortal) -> str:
    """The route's path, with ids of `sample`, or of `others` for the parameter of that name."""
    return route.at(**{place: fill_place(route, place, others.get(place, sample)) for place in route.places})


def fill_place(route: Route, place: str, sample: SamplePortal) -> str:
    """The value of a path parameter."""
    attribute = place_of(route, place)
    if place == "anonymous_id":
        attribute = "visitor" if route.method == "DELETE" else "newcomer"
    return "post" if attribute is None else str(getattr(sample, attribute))


def references(route: Route) -> dict[str, str]:
    """The parameters of a route that refer to a row, and the attribute of SamplePortal for each."""
    known = _REFERENCES[route.dialect] | ({"parent_id": "shelf"} if route.path.startswith("/sections") else {})
    if route.path.startswith("/feedback"):
        # There it is a word.
        known = {name: attribute for name, attribute in known.items() if name != "status"}
    if route.path == "/posts/all":
        # By number, which another portal's tab does not share; a portal has tabs with the same URL keys.
        known = known | {"tab": "tab"}
    return {name: known[name] for name in route.inputs if name in known}


def inputs(route: Route, sample: SamplePortal, *, leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """All parameters of the route, in order. Raises KeyError for an unknown one.

    Names and emails are new at each call, unless the route only reads.
    """
    sent: dict[str, Any] = {}
    attributes = references(route)
    for name in route.inputs:
        if name in leave_out:
            continue
        if name in attributes:
            value = getattr(sample, attributes[name])
            sent[name] = [value] if name.endswith("_ids") else value
        elif name == "title" and route.method == "GET":
            sent[name] = "Dark mode at night"
        elif name == "email":
            sent[name] = sample.email if route.method == "GET" else f"new{next(_number)}@example.com"
        elif name == "name":
            sent[name] = f"Name {next(_number)}"
        else:
            sent[name] = _VALUES[name]
    return sent


async def populate(make: Factory, portal: int, owner: int, *, name: str | None = None) -> SamplePortal:
    """Create a row of each kind: a post with votes and comments, a pending post, a rejected post.

    Board and status differ from the post's, so that a move changes it. With the same `name`, two portals differ only
    in their ids.
    """

    async def value(query: str) -> Any:
        return await make.value(query, p=portal)

    name = str(next(_number)) if name is None else name
    board = await value("SELECT max(id) FROM boards WHERE portal_id = :p")
    tab = await value("SELECT id FROM tabs WHERE portal_id = :p AND url = 'roadmap'")
    status = await make.act(lambda work: statuses.add(work, name=f"Soon{name}", tab_id=tab), portal=portal)
    category = await make.act(lambda work: categories.add(work, name=f"Design{name}"), portal=portal)
    tag = await make.tag(f"Urgent{name}", portal=portal)
    section = await make.act(lambda work: sections.add(work, title="Later", tab_id=tab), portal=portal)
    shelf = await make.act(lambda work: sections.add(work, title="Shelf", tab_id=tab), portal=portal)
    widget = await make.widget(portal=portal)
    inner = {"title": "Much later", "tab_id": tab, "parent_id": section}
    await make.act(lambda work: sections.add(work, **inner), portal=portal)
    email, second = f"jane{name}@example.com", f"john{name}@example.com"
    user = await make.act(lambda work: users.create(work, email=email, name="Jane Roe"), portal=portal)
    voter = await make.act(lambda work: users.create(work, email=second, name="John Doe"), portal=portal)
    planned = await value("SELECT id FROM statuses WHERE portal_id = :p AND name = 'Planned'")
    post = await make.post(title="Dark mode at night", author=user, portal=portal)
    group = await make.group(f"Early access{name}", members=[user], portal=portal)
    changes = PostUpdate(category_ids=[category], section_id=section, tag_ids=[tag])
    await make.act(lambda work: update.update_post(work, post, changes), portal=portal)
    await make.act(lambda work: update.change_status(work, post, planned, user_id=owner), portal=portal)
    vote = await make.vote(post, user, portal=portal)
    await make.anonymous_vote(post, "visitor", portal=portal)
    comment = await make.comment(post, author=user, portal=portal)
    await make.comment(post, author=voter, parent=comment, internal=True, portal=portal)
    official = await make.comment(post, author=user, official=True, portal=portal)
    pending = await make.post(title="Dark mode at noon", author=voter, moderation="pending", portal=portal)
    rejected = await make.post(title="Dark mode at dawn", author=voter, portal=portal)
    await make.act(lambda work: moderation.set(work, rejected, "rejected"), portal=portal)
    feedback = await make.feedback("Too dark", user=user, post=post, portal=portal)
    code, uuid = await make.code(post), await make.uuid(user)
    # Texts that name rows of this portal, so that a leak is seen.
    await make.act(lambda work: product_vision.save(work, content=f"Less of {code}"), portal=portal)
    await make.act(lambda work: users.update(work, user, plan=f"Plan of {uuid}"), portal=portal)
    return SamplePortal(
        portal, owner, board, tab, "roadmap", status, section, category, tag, group, user, await make.uuid(user), email,
        voter, await make.uuid(voter), post, await make.code(post), pending, await make.code(pending), vote, comment,
        official, shelf, feedback, widget,
    )  # fmt: skip

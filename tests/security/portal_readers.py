"""Everybody who may look at the pages of a portal, and the posts that not everybody sees."""

import itertools
from dataclasses import dataclass

from app.adapters.storage.base import generate_name
from app.domain.posts import attachments
from app.domain.posts import moderation as moderation_of_posts
from app.domain.posts.attachments import StoredFile
from app.domain.users import sessions
from tests.security.rights import STATES
from tests.support.clients import Client
from tests.support.factory import Factory

ONE, TWO = "http://one.example.com", "http://two.example.com"
STATUSES = ("Planned", "Completed")
"""One on the roadmap, one on the changelog."""
VOTER = "Vivian Voter"


@dataclass(frozen=True)
class Hidden:
    """A post that not everybody sees."""

    title: str
    status: str
    state: str
    is_published: bool
    code: str
    slug: str
    comment: int
    file: str

    @property
    def is_public(self) -> bool:
        """The rule, independent of the code."""
        return self.state == "approved" and self.is_published


@dataclass(frozen=True)
class Reader:
    """A client with the cookie of a session, or a visitor."""

    name: str
    client: Client
    is_team: bool = False
    is_author: bool = False
    is_member: bool = True

    def sees(self, post: Hidden, *, is_private: bool) -> bool:
        """The rule, independent of the code."""
        return self.is_team or self.is_author or (post.is_public and (self.is_member or not is_private))


async def sign_in(make: Factory, client: Client, user: int, *, portal: int | None = None) -> Client:
    """The client with a session of the user."""
    token = await make.act(
        lambda work: sessions.create(work, user_id=user, method="link", user_agent=""), portal=portal
    )
    client.cookies.set("earshot_session", token)
    return client


async def add_posts(make: Factory, author: int) -> list[Hidden]:
    """A post for each status, each state and both values of `published`, with a comment, a vote and a picture."""
    posts = []
    category, voter = await make.category("Stripes"), await make.user(name=VOTER)
    for status, state, is_published in itertools.product(STATUSES, STATES, (True, False)):
        title = f"Zebra {status} {state} {'published' if is_published else 'draft'}"
        post = await make.post(title=title, author=author, status=status, votes_by=[voter])
        comment = await make.comment(post, author=author, body=f"About {title}")
        await make.comment(post, body=f"Secret about {title}", internal=True)
        name = generate_name("png")
        await make.server.services.uploads.files.put(name, b"picture", "image/png")
        file = StoredFile("image", name, "zebra.png", "image/png", 7)
        await make.act(lambda work, post=post, file=file: attachments.add(work, post_id=post, file=file))  # type: ignore[misc]
        if state != "approved":
            await make.act(lambda work, post=post, state=state: moderation_of_posts.set(work, post, state))  # type: ignore[misc]
        await make.run("UPDATE posts SET published = :value WHERE id = :id", value=is_published, id=post)
        await make.run("INSERT INTO post_categories (post_id, category_id) VALUES (:post, :id)", post=post, id=category)
        row = await make.row("SELECT slug, code FROM posts WHERE id = :id", id=post)
        posts.append(Hidden(title, status, state, is_published, row["code"], row["slug"], comment, name))
    return posts


async def list_readers(make: Factory, visitor: Client, author: int) -> list[Reader]:
    """Everybody who may look: of both portals, in each role. All users have voted for all posts, and follow them."""

    def client(host: str = ONE) -> Client:
        return visitor.of(None, base="", host=host)

    other = await make.value("SELECT id FROM portals WHERE host = 'two.example.com'")
    stranger = await make.user(portal=other)
    users = {role: await make.user(role=role) for role in ("user", "moderator", "admin")}
    elsewhere = await sign_in(make, client(), stranger, portal=other)
    for user in (author, make.owner, *users.values()):
        for kind, columns in (("votes", "created_at, updated_at"), ("follows", "created_at")):
            values = columns.replace("updated_at", "created_at")
            await make.run(
                f"INSERT INTO {kind} (portal_id, post_id, user_id, {columns}) "
                f"SELECT portal_id, id, CAST(:user AS BIGINT), {values} FROM posts",
                user=user,
            )
    return [
        Reader("visitor", client(), is_member=False),
        Reader("a session of the other portal", elsewhere, is_member=False),
        Reader("author", await sign_in(make, client(), author), is_author=True),
        Reader("user", await sign_in(make, client(), users["user"])),
        Reader("moderator", await sign_in(make, client(), users["moderator"]), is_team=True),
        Reader("admin", await sign_in(make, client(), users["admin"]), is_team=True),
        Reader("owner", await sign_in(make, client(), make.owner), is_team=True),
    ]

"""What the measurements of the outbox add to a filled database: endpoints, followers, and calls that are due."""

from dataclasses import replace
from itertools import cycle, islice
from typing import Final

from sqlalchemy import insert, literal_column, select

from app.adapters.database import Operation, PortalContext, T, create_database, utc_now
from app.adapters.encryption import SecretCipher
from app.adapters.storage.signed_urls import FileSigner
from app.domain.events import StoredEvent
from app.domain.models import Follow, Post, User
from app.domain.notifications import choices
from app.domain.outbox import deliveries
from app.domain.permissions import OPERATOR
from app.domain.sql.statement import NOW, PORTAL_ID, Statement
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET
from app.domain.users import users
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings
from app.outbox.webhooks.payload import CallPayload
from app.outbox.webhooks.productlift import ProductLiftExpander
from bench import dataset
from bench.seed import SECRET

FOLLOWERS: Final = 50
MAX_FOLLOWED_POSTS: Final = 1000
"""The posts with followers are the first of the portal."""
MAX_BODIES: Final = 100
"""Different bodies of the due calls."""
TEMPLATE: Final = '{"text": "{{ post.title | escape_json }}", "board": "{{ board.name | escape_json }}"}'
ENDPOINTS: Final = (("productlift", UNSET), ("productlift", UNSET), ("astuto", TEMPLATE))
"""The formats and the templates of three endpoints, each called for every event that its format has."""

_FOLLOW: Final = Statement(
    insert(Follow).from_select(
        ["portal_id", "post_id", "user_id", "created_at"],
        select(PORTAL_ID, Post.id, User.id, NOW).where(
            Post.portal_id == PORTAL_ID,
            User.portal_id == PORTAL_ID,
            Post.id <= literal_column(str(MAX_FOLLOWED_POSTS)),
            User.id > literal_column(str(dataset.OWNER)),
            User.id <= literal_column(str(dataset.OWNER + FOLLOWERS)),
        ),
    )
)


async def act(url: str, operation: Operation[T]) -> T:
    """Run the operation in a transaction, as the operator of the portal."""
    database = create_database(url)
    await database.open()
    try:
        return await database.write(operation, PortalContext(dataset.PORTAL, OPERATOR))
    finally:
        await database.close()


def add_recipients(work: UnitOfWork, *, receiver_port: int) -> None:
    """Add three endpoints, fifty followers of each of the first posts, and a moderator who is told of new posts."""
    encrypt = SecretCipher(SECRET.encode()).encrypt
    endpoints.ensure_secret(work, encrypt=encrypt)
    for number, (dialect, body) in enumerate(ENDPOINTS):
        url = f"http://127.0.0.1:{receiver_port}/{number}"
        settings = EndpointSettings(url=url, description=f"Receiver {number}", body=body)
        endpoints.add(work, dialect=dialect, settings=settings, encrypt=encrypt)
    work.execute(_FOLLOW)
    # Not the owner, whose key makes the requests.
    moderator = users.create(work, email="moderator@example.com", name="Moderator", role="moderator")
    choices.set_choice(work, moderator, "new_post", "at_once")


def add_due_calls(work: UnitOfWork, count: int, *, receiver_port: int) -> list[bytes]:
    """Add one endpoint and so many calls that are due, each about another post. Return their bodies."""
    encrypt = SecretCipher(SECRET.encode()).encrypt
    endpoints.ensure_secret(work, encrypt=encrypt)
    settings = EndpointSettings(url=f"http://127.0.0.1:{receiver_port}/")
    endpoints.add(work, dialect="productlift", settings=settings, encrypt=encrypt)
    expand = ProductLiftExpander(secret=SECRET.encode(), signer=FileSigner(SECRET.encode(), clock=utc_now))
    calls = [call for post in range(1, min(count, MAX_BODIES) + 1) for call in expand(work, _submission(work, post))]
    due = [replace(call, post_id=post) for post, call in enumerate(islice(cycle(calls), count), 1)]
    deliveries.add_all(work, due)
    return [(CallPayload.from_json(call.payload or "").body or "").encode() for call in due]


def _submission(work: UnitOfWork, post: int) -> StoredEvent:
    return StoredEvent(
        id=post,
        kind="post.submitted",
        post_id=post,
        subject_id=None,
        user_id=dataset.OWNER,
        actor_id=dataset.OWNER,
        body={"moderation": "approved"},
        base_url="http://127.0.0.1",
        request_base_url="http://127.0.0.1",
        created_at=work.now,
    )

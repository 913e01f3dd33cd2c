"""Rows of how users sign in, one of each kind."""

from typing import Any

from app.domain.permissions import VISITOR
from app.domain.portals import portals
from app.domain.posts import devices
from app.domain.posts.create import NewPost
from app.domain.users import identities, identity_providers, passkeys, profile, sessions, sign_in_requests
from app.domain.users.identities import Claims
from app.domain.users.identity_providers import ProviderSettings
from tests.support.factory import Factory


async def add_sign_in_rows(make: Factory, owner: int, *, portal: int | None = None) -> None:
    """A session, a link to sign in, a passkey, a user of a provider, a post of a visitor and a profile picture."""
    picture = f"picture{portal or make.portal}"
    provider = ProviderSettings(name="Acme", issuer="https://id.example", client_id="earshot")
    anonymous_post = NewPost("Dark mode", "At night", None, moderation=None, default_status=True)
    passkey: dict[str, Any] = {"credential_id": "credential", "public_key": "key", "sign_count": 0, "name": "Phone"}
    for operation in (
        lambda work: sessions.create(work, user_id=owner, method="password", user_agent="Browser"),
        lambda work: sign_in_requests.create_link(work, owner),
        lambda work: passkeys.add(work, user_id=owner, **passkey),
        lambda work: identities.sign_in_by_provider(
            work, identity_providers.create(work, provider), Claims("subject", None, False, "Jane Roe")
        ),
        lambda work: profile.set_picture(work, owner, picture),
        lambda work: portals.update_setting(work, setting="allows_anonymous_posts", value=True),
    ):
        await make.act(operation, portal=portal)
    await make.act(
        lambda work: devices.create_post(work, anonymous_post, device_digest=devices.digest("token")),
        portal=portal,
        actor=VISITOR,
    )

"""OpenID Connect providers: what can be set, in which portal, and what ends with them."""

from typing import Any

import pytest

from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.users import identity_providers
from app.domain.users.identity_providers import MAX_PROVIDERS, Provider, ProviderSettings
from tests.support.factory import Factory

ISSUER = "https://id.example"


async def create(make: Factory, *, portal: int | None = None, **settings: Any) -> int:
    values = {"name": "Acme", "issuer": ISSUER, "client_id": "earshot", **settings}
    return await make.act(lambda work: identity_providers.create(work, ProviderSettings(**values)), portal=portal)


async def edit(make: Factory, provider: int, *, portal: int | None = None, **settings: Any) -> None:
    await make.act(lambda work: identity_providers.edit(work, provider, ProviderSettings(**settings)), portal=portal)


async def get(make: Factory, provider: int) -> Provider:
    return await make.act(lambda work: identity_providers.get(work, provider))


async def add_identity(make: Factory, provider: int, user: int) -> None:
    await make.run(
        "INSERT INTO identities (portal_id, user_id, provider_id, subject, created_at, last_used_at) "
        "SELECT portal_id, id, :provider, 'subject', created_at, created_at FROM users WHERE id = :user",
        provider=provider,
        user=user,
    )


async def test_a_provider_is_created_changed_listed_and_deleted(make: Factory) -> None:
    first = await create(make)
    second = await create(
        make,
        name=" Other ",
        issuer="http://localhost:9000/realms/x/",
        client_secret="sealed",
        scopes=" openid  groups ",
        groups_claim="groups",
        roles={"it": "admin", "a=b": "moderator"},
        is_enabled=False,
    )
    expected = Provider(first, "Acme", ISSUER, "earshot", None, "openid email profile", None, {}, True)
    other = Provider(
        second, "Other", "http://localhost:9000/realms/x/", "earshot", "sealed", "openid groups", "groups",
        {"it": "admin", "a=b": "moderator"}, False,
    )  # fmt: skip

    assert await make.act(identity_providers.list_all) == [expected, other]
    assert "sealed" not in repr(other)
    await edit(make, first, name="Acme 2", client_secret="new", is_enabled=False)
    assert await get(make, first) == Provider(
        first, "Acme 2", ISSUER, "earshot", "new", "openid email profile", None, {}, False
    )
    await edit(make, second, client_secret=None, groups_claim=None, roles={}, is_enabled=True)
    assert await get(make, second) == Provider(
        second, "Other", "http://localhost:9000/realms/x/", "earshot", None, "openid groups", None, {}, True
    )
    await make.act(lambda work: identity_providers.delete_provider(work, first))
    assert [provider.id for provider in await make.act(identity_providers.list_all)] == [second]


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"name": " "}, "name", "blank"),
        ({"name": "x" * 101}, "name", "too_long"),
        ({"name": "a\nb"}, "name", "not_plain"),
        ({"client_id": ""}, "client_id", "blank"),
        ({"client_id": "x" * 256}, "client_id", "too_long"),
        ({"scopes": "email profile"}, "scopes", "without_openid"),
        ({"groups_claim": ""}, "groups_claim", "blank"),
        ({"roles": {"it": "owner"}}, "roles", "not_among"),
        ({"roles": {" ": "admin"}}, "roles", "blank"),
        ({"roles": {str(number): "user" for number in range(101)}}, "roles", "too_many"),
        *(
            ({"issuer": issuer}, "issuer", code)
            for issuer, code in (
                ("", "blank"),
                ("id.example", "not_https"),
                ("http://id.example", "not_https"),
                ("http://localhost.example", "not_https"),
                ("ftp://localhost", "not_https"),
                ("https://", "not_https"),
                ("https://id.example?a=b", "not_https"),
                ("https://id.example#a", "not_https"),
                ("https://user@id.example", "not_https"),
                ("https://id.example:0", "not_https"),
                ("https://id.example:x", "not_https"),
                ("https://[::1", "not_https"),
                ("https://id.example/" + "x" * 255, "too_long"),
            )
        ),
    ],
)
async def test_invalid_settings_change_nothing(make: Factory, values: dict[str, Any], field: str, code: str) -> None:
    provider = await create(make)
    before = await get(make, provider)

    for attempt in (edit(make, provider, **values), create(make, **{"name": "Other", **values})):
        with pytest.raises(ValidationFailed) as caught:
            await attempt
        assert [(error.field, error.code) for error in caught.value.errors] == [(field, code)]

    assert await make.act(identity_providers.list_all) == [before]


async def test_name_issuer_and_client_id_are_required(make: Factory) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await make.act(lambda work: identity_providers.create(work, ProviderSettings()))

    assert caught.value.errors == [FieldError(name, "mandatory") for name in ("name", "issuer", "client_id")]


async def test_names_and_clients_are_unique_in_a_portal(make: Factory) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    await create(make)
    second = await create(make, name="Other", issuer="https://other.example")
    await create(make, portal=other)

    for values, code in (
        ({"name": "Acme", "issuer": "https://third.example"}, "name_taken"),
        ({"name": "Third", "issuer": ISSUER}, "client_taken"),
    ):
        with pytest.raises(Conflict, match=f"provider.{code}"):
            await edit(make, second, **values)
        with pytest.raises(Conflict, match=f"provider.{code}"):
            await create(make, **values)


async def test_a_portal_has_a_limited_number_of_providers(make: Factory) -> None:
    for number in range(MAX_PROVIDERS):
        await create(make, name=str(number), client_id=str(number))

    with pytest.raises(Conflict, match="too_many"):
        await create(make)


async def test_a_provider_is_unknown_in_another_portal(make: Factory) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    provider = await create(make)
    before = await get(make, provider)

    for rule in (
        lambda work: identity_providers.get(work, provider),
        lambda work: identity_providers.edit(work, provider, ProviderSettings(name="Mine")),
        lambda work: identity_providers.delete_provider(work, provider),
    ):
        with pytest.raises(NotFound):
            await make.act(rule, portal=other)
    assert await make.act(identity_providers.list_all, portal=other) == []
    assert await get(make, provider) == before


async def test_identities_end_with_the_provider_and_with_its_issuer(make: Factory) -> None:
    first, second = await create(make), await create(make, name="Other", issuer="https://other.example")
    user = await make.user()
    for provider in (first, second):
        await add_identity(make, provider, user)

    await edit(make, first, name="Acme 2", client_id="other")
    assert await make.value("SELECT count(*) FROM identities") == 2
    await edit(make, first, issuer="https://new.example")
    assert [row["provider_id"] for row in await make.rows("SELECT provider_id FROM identities")] == [second]
    await make.act(lambda work: identity_providers.delete_provider(work, second))
    assert await make.rows("SELECT id FROM identities") == []
    assert await make.value("SELECT count(*) FROM users WHERE id = :id", id=user) == 1

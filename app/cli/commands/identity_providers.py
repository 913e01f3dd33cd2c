"""`earshot identity-providers …`: OpenID Connect providers by which users sign in."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from app.cli.database import run_write
from app.cli.errors import CommandError
from app.cli.output import Output, print_result, table
from app.cli.params import JsonOption, PortalOption, id_argument
from app.cli.portal_commands import read_command, write_command
from app.cli.secret import require_secret
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET, Unset
from app.domain.users import identity_providers
from app.domain.users.identity_providers import MAPPED_ROLES, Provider, ProviderSettings
from app.settings import Settings

MAX_CLIENT_SECRET: Final = 1000

group = typer.Typer(
    name="identity-providers", help="OpenID Connect providers by which users sign in.", no_args_is_help=True
)

ProviderArgument = Annotated[int, id_argument("identity-providers")]
NameOption = Annotated[str | None, typer.Option("--name", metavar="NAME", help="On the button of the page.")]
IssuerOption = Annotated[
    str | None,
    typer.Option("--issuer", metavar="URL", help="As the provider names itself, such as https://id.example."),
]
ClientOption = Annotated[
    str | None, typer.Option("--client-id", metavar="ID", help="As the provider names this server.")
]
SecretOption = Annotated[
    bool, typer.Option("--client-secret-stdin", help="Read the client secret from standard input.")
]
ScopeOption = Annotated[
    str | None,
    typer.Option("--scope", metavar="SCOPES", help=f'With blanks between them; "{identity_providers.DEFAULT_SCOPES}".'),
]
ClaimOption = Annotated[
    str | None,
    typer.Option("--groups-claim", metavar="CLAIM", help="The claim that has the groups of a user, such as groups."),
]
RoleOption = Annotated[
    list[str] | None,
    typer.Option("--role", metavar="GROUP=ROLE", help=f"The role of a group: {', '.join(MAPPED_ROLES)}; repeatable."),
]


@group.command()
def create(
    name: NameOption = None,
    issuer: IssuerOption = None,
    client_id: ClientOption = None,
    client_secret_stdin: SecretOption = False,
    scope: ScopeOption = None,
    groups_claim: ClaimOption = None,
    role: RoleOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a provider. The client secret is stored encrypted, and never shown.

    Whoever runs the provider may act as any user whose address it vouches for. With --groups-claim and --role, the
    groups of a user decide the role at each sign-in: the highest one, or user without a group. The owner stays owner.

    \b
    printf %s "$SECRET" | earshot identity-providers create --name Acme --issuer https://id.acme.example \\
      --client-id earshot --client-secret-stdin --groups-claim groups --role support=moderator --role it=admin
    """
    secret = _read_secret() if client_secret_stdin else None
    _require_claim(groups_claim, role)

    def operation(work: UnitOfWork) -> Output:
        settings = ProviderSettings(
            name=_given(name),
            issuer=_given(issuer),
            client_id=_given(client_id),
            client_secret=None if secret is None else _encrypt(work, secret),
            scopes=_given(scope),
            groups_claim=groups_claim,
            roles=_parse_roles(role or ()),
        )
        provider_id = identity_providers.create(work, settings)
        created = _serialize(identity_providers.get(work, provider_id))
        return created, f"identity provider {provider_id} was created"

    print_result(*run_write(operation, portal=portal), as_json=as_json)


@read_command(group, "list")
def list_(work: UnitOfWork) -> Output:
    """List providers, without their secrets."""
    providers = [_serialize(provider) for provider in identity_providers.list_all(work)]
    _, text = table(
        "identity providers",
        (
            {**provider, "roles": ", ".join(f"{group}={role}" for group, role in provider["roles"].items()) or None}
            for provider in providers
        ),
    )
    return {"identity_providers": providers}, text


@group.command()
def edit(
    provider_id: ProviderArgument,
    name: NameOption = None,
    issuer: IssuerOption = None,
    client_id: ClientOption = None,
    client_secret_stdin: SecretOption = False,
    no_client_secret: Annotated[bool, typer.Option("--no-client-secret", help="Remove the client secret.")] = False,
    scope: ScopeOption = None,
    groups_claim: ClaimOption = None,
    no_groups_claim: Annotated[
        bool, typer.Option("--no-groups-claim", help="Leave the roles of users alone from now on.")
    ] = False,
    role: RoleOption = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Offer it for sign-in, or not.")] = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a provider; options left out change nothing. Roles replace all former ones.

    A new issuer knows other users: everybody is found by the verified address again.

    \b
    earshot identity-providers edit 2 --role support=moderator
    earshot identity-providers edit 2 --off
    """
    if client_secret_stdin and no_client_secret:
        raise typer.BadParameter("give --client-secret-stdin or --no-client-secret, not both")
    if groups_claim is not None and no_groups_claim:
        raise typer.BadParameter("give --groups-claim or --no-groups-claim, not both")
    secret = _read_secret() if client_secret_stdin else None

    def operation(work: UnitOfWork) -> Output:
        client_secret: str | Unset | None = None if no_client_secret else UNSET
        if secret is not None:
            client_secret = _encrypt(work, secret)
        settings = ProviderSettings(
            name=_given(name),
            issuer=_given(issuer),
            client_id=_given(client_id),
            client_secret=client_secret,
            scopes=_given(scope),
            groups_claim=None if no_groups_claim else _given(groups_claim),
            roles=UNSET if not role else _parse_roles(role),
            is_enabled=UNSET if enabled is None else enabled,
        )
        identity_providers.edit(work, provider_id, settings)
        return _serialize(identity_providers.get(work, provider_id)), f"identity provider {provider_id} was changed"

    print_result(*run_write(operation, portal=portal), as_json=as_json)


@write_command(group)
def delete(work: UnitOfWork, provider_id: ProviderArgument) -> Output:
    """Delete a provider. Its users stay, and sign in by other ways."""
    identity_providers.delete_provider(work, provider_id)
    return {"id": provider_id, "deleted": True}, f"identity provider {provider_id} was deleted"


def _given(value: str | None) -> str | Unset:
    return UNSET if value is None else value


def _require_claim(groups_claim: str | None, role: Sequence[str] | None) -> None:
    if role and groups_claim is None:
        raise typer.BadParameter("--role needs --groups-claim, the claim that has the groups")


def _parse_roles(values: Sequence[str]) -> dict[str, str]:
    roles: dict[str, str] = {}
    for value in values:
        # The name of a group may contain the sign, a role never does.
        name, sign, role = value.rpartition("=")
        if not sign or role not in MAPPED_ROLES:
            raise typer.BadParameter(f"--role must be GROUP=ROLE with one of the roles {', '.join(MAPPED_ROLES)}")
        roles[name] = role
    return roles


def _encrypt(work: UnitOfWork, secret: str) -> str:
    from app.adapters.encryption import SecretCipher

    return SecretCipher(require_secret(work, Settings.load())).encrypt(secret)


def _read_secret() -> str:
    """Read the client secret from standard input."""
    try:
        secret = sys.stdin.read(MAX_CLIENT_SECRET + 2).strip()
    except UnicodeError:
        secret = ""
    if not secret or len(secret) > MAX_CLIENT_SECRET or not secret.isprintable():
        raise CommandError(f"the client secret must have 1 to {MAX_CLIENT_SECRET} printable characters")
    return secret


def _serialize(provider: Provider) -> dict[str, Any]:
    return {
        "id": provider.id,
        "name": provider.name,
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "has_client_secret": provider.client_secret is not None,
        "scopes": provider.scopes,
        "groups_claim": provider.groups_claim,
        "roles": dict(provider.roles),
        "enabled": provider.is_enabled,
    }

"""`earshot users …`."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from app.adapters import passwords
from app.cli.commands.user_mail import invite, notifications
from app.cli.commands.user_passwords import password, read_password
from app.cli.database import delete_files, run_write
from app.cli.errors import CommandError
from app.cli.lookup import USER_COLUMNS, USERS, find_user, find_user_id, serialize_user
from app.cli.output import Output, format_fields, page, print_result
from app.cli.params import (
    JsonOption,
    LimitOption,
    OffsetOption,
    PortalOption,
    UserArgument,
    choice_param,
    email_address,
    text_param,
)
from app.cli.portal_commands import read_command, write_command
from app.domain.models import User
from app.domain.models.users import ROLES
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import UnitOfWork
from app.domain.unset import UNSET
from app.domain.users import emails, ownership, users
from app.domain.users.attributes import MAX_PLAN, PERSONAL_ATTRIBUTES
from app.domain.users.queries import UserQuery

group = typer.Typer(name="users", help="Users, their roles and passwords.", no_args_is_help=True)

PlanOption = Annotated[
    str | None,
    typer.Option(parser=text_param(MAX_PLAN), metavar="NAME", help="The plan that the user pays for."),
]

_ROLES: Final = tuple(reversed(ROLES))
_TIMES: Final = {"updated_at": User.updated_at, "blocked_at": User.blocked_at, "deleted_at": User.deleted_at}
_PERSONAL_COLUMNS: Final = tuple(getattr(User, name) for name in PERSONAL_ATTRIBUTES)
_DETAILS: Final = UserQuery(
    (*USER_COLUMNS.values(), *_TIMES.values(), User.password_hash, *_PERSONAL_COLUMNS), deleted=True
)


@group.command()
def create(
    email: Annotated[str, typer.Option(help="The address; unique in the portal.")],
    name: Annotated[
        str | None, typer.Option(parser=text_param(), metavar="NAME", help="The name; by default from the address.")
    ] = None,
    role: Annotated[
        str, typer.Option(callback=choice_param(_ROLES), metavar="|".join(_ROLES), help="The role.")
    ] = "user",
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read a password from standard input. There is no sign-in page yet."),
    ] = False,
    plan: PlanOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a user.

    \b
    earshot users create --email jane@example.com --name "Jane Roe" --role moderator
    printf %s "$PASSWORD" | earshot users create --email jane@example.com --password-stdin
    """
    if not emails.is_valid_email(email.strip()):
        raise CommandError(f"{email} is not an e-mail address")
    password_hash = passwords.hash_password(read_password()) if password_stdin else None

    def operation(work: UnitOfWork) -> Output:
        display_name = name or users.display_name_from(email.strip())
        user_id = users.create(work, email=email, name=display_name, role=role, password_hash=password_hash, plan=plan)
        uuid = str(USERS.by_id(work, user_id)[1])
        return {"id": user_id, "uuid": uuid}, f"user {user_id} ({uuid}) was created"

    print_result(*run_write(operation, portal=portal), as_json=as_json)


group.command()(invite)


@read_command(group, "list")
def list_(work: UnitOfWork, limit: LimitOption = 100, offset: OffsetOption = 0) -> Output:
    """List users, oldest first.

    If there are more, standard error says how many.
    """
    rows = USERS.page(work, newest_first=False, offset=offset, limit=limit)
    return page("users", map(serialize_user, rows), offset=offset, total=USERS.total(work))


@read_command(group)
def show(work: UnitOfWork, user: UserArgument) -> Output:
    """Show every field of a user. The plan, and what single sign-on stores, are shown if they are set.

    \b
    earshot users show jane@example.com
    earshot users show 42 --json
    """
    names = (*USER_COLUMNS, *_TIMES, "password_hash", *PERSONAL_ATTRIBUTES)
    values = dict(zip(names, _DETAILS.by_id(work, find_user_id(work, user)), strict=True))
    details = {
        **serialize_user([values[name] for name in USER_COLUMNS]),
        **{name: values[name] and format_seconds(values[name]) for name in _TIMES},
        "has_password": values["password_hash"] is not None,
        **{name: values[name] for name in PERSONAL_ATTRIBUTES if values[name] is not None},
    }
    return details, format_fields(details)


@write_command(group)
def edit(
    work: UnitOfWork,
    user: UserArgument,
    name: Annotated[str | None, typer.Option(parser=text_param(), metavar="NAME", help="The new name.")] = None,
    email: Annotated[
        str | None, typer.Option(parser=email_address, metavar="EMAIL", help="The new address; unique in the portal.")
    ] = None,
    role: Annotated[
        str | None, typer.Option(callback=choice_param(_ROLES), metavar="|".join(_ROLES), help="As `users role`.")
    ] = None,
    plan: PlanOption = None,
    no_plan: Annotated[bool, typer.Option("--no-plan", help="Remove the plan.")] = False,
) -> Output:
    """Change a user; options left out change nothing.

    A lower role revokes the keys that the user can't have any more. `users transfer-ownership` changes the owner.

    \b
    earshot users edit jane@example.com --name "Jane Roe" --email jane.roe@example.com
    """
    if no_plan and plan is not None:
        raise typer.BadParameter("give --plan or --no-plan, not both")
    if (email, name, role, plan) == (None, None, None, None) and not no_plan:
        raise typer.BadParameter("give --email, --name, --role, --plan or --no-plan")
    user_id = find_user_id(work, user)
    new_plan = UNSET if plan is None and not no_plan else plan
    revoked_keys = users.update(work, user_id, email=email, name=name, role=role, plan=new_plan)
    edited = serialize_user(USERS.by_id(work, user_id))
    return _with_revoked_keys(edited, f"{user if email is None else edited['email']} was changed", revoked_keys)


@group.command()
def delete(
    user: UserArgument,
    with_content: Annotated[
        bool, typer.Option("--with-content", help="Delete the user's posts, comments and votes, too.")
    ] = False,
    is_confirmed: Annotated[bool, typer.Option("--yes", help="Confirm the deletion; required.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a user. This revokes the user's keys for good.

    The address becomes free, and the name is replaced. Posts, comments and votes stay without --with-content. The owner
    can't be deleted.

    \b
    earshot users delete jane@example.com --yes
    """
    from app.domain.users import deletion

    def operation(work: UnitOfWork) -> tuple[int, deletion.UserDeletion]:
        row = serialize_user(find_user(work, user))
        if not is_confirmed:
            raise CommandError(_question(row, with_content=with_content))
        return row["id"], deletion.delete(work, row["id"], with_content=with_content)

    user_id, deleted = run_write(operation, portal=portal)
    delete_files(deleted.files)
    result = {"id": user_id, "deleted": True}
    print_result(*_with_revoked_keys(result, f"{user} was deleted", deleted.revoked_keys), as_json=as_json)


@write_command(group, "transfer-ownership")
def transfer_ownership(work: UnitOfWork, user: UserArgument) -> Output:
    """Make another user the owner of the portal.

    The owner until now becomes an administrator. The keys of both stay valid, with their new roles.

    \b
    earshot users transfer-ownership jane@example.com
    """
    user_id = find_user_id(work, user)
    former_owner = ownership.transfer(work, user_id)
    return {"owner": user_id, "former_owner": former_owner}, f"{user} is the owner"


@write_command(group)
def block(work: UnitOfWork, user: UserArgument) -> Output:
    """Block a user. This revokes the user's keys for good."""
    revoked_keys = users.block(work, find_user_id(work, user))
    return _with_revoked_keys(serialize_user(find_user(work, user)), f"{user} is blocked", revoked_keys)


@write_command(group)
def unblock(work: UnitOfWork, user: UserArgument) -> Output:
    """Unblock a user. Revoked keys stay revoked."""
    users.unblock(work, find_user_id(work, user))
    return serialize_user(find_user(work, user)), f"{user} is not blocked"


@write_command(group, "role")
def role_(
    work: UnitOfWork,
    user: UserArgument,
    role: Annotated[str, typer.Argument(callback=choice_param(_ROLES), metavar="|".join(_ROLES))],
) -> Output:
    """Change the role of a user. This revokes the keys that the new role can't have.

    \b
    earshot users role jane@example.com admin
    """
    revoked_keys = users.update(work, find_user_id(work, user), role=role)
    return _with_revoked_keys(serialize_user(find_user(work, user)), f"{user} is {role}", revoked_keys)


write_command(group)(notifications)
group.command()(password)


def _question(user: Mapping[str, Any], *, with_content: bool) -> str:
    """Why a deletion needs --yes."""
    counts = f"{user['posts']} posts, {user['comments']} comments and {user['votes']} votes"
    content = f"with {counts}" if with_content else f"and keeps {counts}"
    return f"this deletes {user['email'] or 'user ' + str(user['id'])} for good, {content}: add --yes to confirm it"


def _with_revoked_keys(result: Mapping[str, Any], text: str, count: int) -> Output:
    """The output of a command that may have revoked keys of a user."""
    if count:
        text += f"\n{count} {'key was' if count == 1 else 'keys were'} revoked"
    return {**result, "revoked_keys": count}, text

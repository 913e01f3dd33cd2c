"""Users in ProductLift's dialect. docs/contracts/productlift.md, sections 7.16 to 7.21."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.api.productlift import errors, path_params, responses, serializers
from app.api.productlift.field_types import ANYTHING, BOOLEAN, EMAIL, STRING, one_of
from app.api.productlift.forms import REQUIRED, SELECTED, TAKEN, Form, Rule, max_length, min_length
from app.api.productlift.responses import chapter, takes
from app.api.productlift.routes import post_list
from app.api.productlift.schemas import Nothing, UserData, UserPage
from app.api.request import Call
from app.domain.errors import NotFound
from app.domain.unit_of_work import Row, Work
from app.domain.users import deletion, users
from app.http.request import Answer

users_chapter = chapter("Users")

ADDRESS: Final[tuple[Rule, ...]] = (EMAIL, max_length(191))
ROLE: Final = one_of("admin", "member")
PASSWORD: Final[tuple[Rule, ...]] = (STRING, min_length(8), max_length(100))
FIND: Final = Form(email=(REQUIRED, *ADDRESS))
LIST: Final = Form(**post_list.PAGE)
CREATE: Final = Form(
    email=ADDRESS,
    role=(REQUIRED, ROLE),
    name=(STRING, max_length(100)),
    invitation_message=(STRING, max_length(1000)),
    skip_email=(ANYTHING,),
    password=PASSWORD,
)
UPDATE: Final = Form(email=ADDRESS, role=(ROLE,), name=(STRING, max_length(100)), password=PASSWORD)
DELETE: Final = Form(delete_all_data=(BOOLEAN,))


@users_chapter.route(
    "GET", "/users/find_by_email", answers=UserData, parameters=FIND.parameters(), may_refuse=[404, 422]
)
async def find_user_by_email(call: Call) -> Answer:
    """The user with this address, whatever the case of its letters."""
    email = FIND.read(call.asked)["email"]

    def find(work: Work) -> Answer:
        try:
            row = serializers.USERS.by_email(work, email)
        except NotFound as missing:
            raise errors.EmailUnknown from missing
        return _shown(row)

    return await call.reading(find)


@users_chapter.route("GET", "/users", answers=UserPage, parameters=LIST.parameters(), may_refuse=[422])
async def list_users(call: Call) -> Answer:
    """The people of the portal, oldest first, a page at a time. Deleted ones are absent."""
    skip, limit = post_list.skip_and_limit(LIST.read(call.asked))

    def page(work: Work) -> Answer:
        rows = serializers.USERS.page(work, newest_first=False, skip=skip, limit=limit)
        shown = [serializers.user(*row[1:]) for row in rows]
        return responses.page(shown, total=serializers.USERS.total(work), skip=skip, limit=limit)

    return await call.reading(page, slow=True)


@users_chapter.route("POST", "/users", answers=UserData, body=takes(CREATE), may_refuse=[422])
async def create_user(call: Call) -> Answer:
    """Add a user. Nobody is invited by mail yet, whatever `skip_email` and `invitation_message` say."""
    wanted = CREATE.read(call.asked)
    email: str | None = wanted.get("email")
    password_hash = await _hashed(call, wanted)
    invited = email is not None and password_hash is None and wanted.get("skip_email") is None

    def register(work: Work) -> Answer:
        user_id = users.register(
            work,
            email=email,
            name=wanted.get("name") or (users.name_from(email) if email else users.NAMELESS),
            role="admin" if wanted["role"] == "admin" else "user",
            password_hash=password_hash,
        )
        if invited:
            users.invite(work, user_id, wanted.get("invitation_message"))
        return _shown(serializers.USERS.by_id(work, user_id))

    return await call.writing(register)


@users_chapter.route("GET", "/users/{user}", answers=UserData, parameters=[path_params.USER], may_refuse=[404])
async def show_user(call: Call) -> Answer:
    """One user."""
    return await call.reading(lambda work: _shown(_found(work, call)))


@users_chapter.route(
    ["PUT", "PATCH"],
    "/users/{user}",
    answers=UserData,
    parameters=[path_params.USER],
    body=takes(UPDATE),
    may_refuse=[404, 422],
)
async def update_user(call: Call) -> Answer:
    """Change a user. What is left out or null stays as it is. The owner's e-mail and password are the owner's alone."""

    def judge(work: Work) -> dict[str, Any]:
        user_id, role = _id_and_role(_found(work, call))
        return UPDATE.read_checked(call.asked, email=_free_address(work, user_id), role=_possible_role(role))

    wanted = await call.reading(judge)
    # A tenth of a second of pure computing: not inside the act.
    password_hash = await _hashed(call, wanted)

    def change(work: Work) -> Answer:
        user_id, _ = _id_and_role(_found(work, call))
        with errors.asked_as(user=call.path["user"]):
            role = users.role_to_change(work, user_id)
            users.change(
                work,
                user_id,
                email=wanted.get("email"),
                name=wanted.get("name"),
                role=_meant_role(wanted.get("role"), role),
                password_hash=password_hash,
            )
        return _shown(serializers.USERS.by_id(work, user_id))

    answer = await call.writing(change)
    call.services.admissions.forget()
    return answer


@users_chapter.route(
    "DELETE",
    "/users/{user}",
    answers=Nothing,
    parameters=[path_params.USER, *DELETE.parameters()],
    may_refuse=[404, 422],
)
async def delete_user(call: Call) -> Answer:
    """Take a user away; `delete_all_data` takes posts, comments and votes along. The owner can not be deleted."""
    await call.reading(lambda work: _found(work, call))
    with_data = bool(DELETE.read(call.asked).get("delete_all_data"))

    def delete(work: Work) -> list[str]:
        user_id, _ = _id_and_role(_found(work, call))
        with errors.asked_as(user=call.path["user"]):
            return deletion.delete(work, user_id, with_data=with_data)

    files = await call.writing(delete, slow=True)
    call.services.admissions.forget()
    await call.services.uploads.discard(files)
    return responses.EMPTY


def _found(work: Work, call: Call) -> Row:
    with errors.asked_as(user=call.path["user"]):
        return serializers.USERS.by_uuid(work, path_params.uuid(call.path["user"]))


def _id_and_role(row: Row) -> tuple[int, str]:
    return row[0], row[4]


def _shown(row: Row) -> Answer:
    return responses.data(serializers.user(*row[1:]))


def _free_address(work: Work, user_id: int) -> Callable[[str], str | None]:
    return lambda email: TAKEN if users.find_by_email(work, email) not in (None, user_id) else None


def _possible_role(role: str) -> Callable[[str], str | None]:
    """The owner stays the owner."""
    return lambda wanted: SELECTED if role == "owner" and wanted == "member" else None


def _meant_role(wanted: str | None, role: str) -> str | None:
    """What a shown role means for who has this one: reading it and writing it back changes nothing. Section 7.20."""
    if wanted is None or serializers.ROLES[role] == wanted:
        return None
    return "admin" if wanted == "admin" else "user"


async def _hashed(call: Call, wanted: Mapping[str, Any]) -> str | None:
    password: str | None = wanted.get("password")
    return None if password is None else await call.services.passwords.hashed(password)

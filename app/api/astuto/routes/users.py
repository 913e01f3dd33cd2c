"""Users in Astuto's dialect. docs/contracts/astuto.md, section 2.5."""

import re
from typing import Final

import orjson

from app.api.astuto import errors, params, responses, serializers
from app.api.astuto.openapi_params import TEXT, TEXT_OR_NULL, USER_ID, described, members, window
from app.api.astuto.pagination import Listed, listed
from app.api.astuto.params import ABSENT
from app.api.astuto.responses import chapter
from app.api.astuto.routes.inputs import path_id, text_or
from app.api.astuto.schemas import Id, UserOut
from app.api.request import Call
from app.api.router import in_query
from app.domain.errors import Conflict, Invalid, NotFound, Problem
from app.domain.permissions import Act
from app.domain.unit_of_work import Row, Work
from app.domain.users import emails, users
from app.http.request import Answer

users_chapter = chapter("Users")

MIN_NAME: Final = 2
MAX_NAME: Final = 64
ARRAY_AS_EMAIL: Final = "[]"

_TOMBSTONE: Final = re.compile(r"deleted-([1-9][0-9]{0,17})@deleted\.invalid")


@users_chapter.route("GET", "/users", answers=list[UserOut], parameters=window(100))
async def list_users(call: Call) -> Answer:
    """All users, newest first, blocked and deleted ones among them."""
    rows = Listed(
        page=lambda work, skip, limit: serializers.USERS.page(work, newest_first=True, skip=skip, limit=limit),
        ids=lambda work, skip, limit: serializers.USERS.ids(work, skip=skip, limit=limit),
        by_ids=serializers.USERS.by_ids,
        shape=serializers.listed_user,
    )
    return await listed(call, rows, default=100)


@users_chapter.route("GET", "/users/{id}", answers=UserOut, parameters=[USER_ID], may_refuse=[404])
async def show_user(call: Call) -> Answer:
    """One user."""
    segment = call.path["id"]

    def get(work: Work) -> bytes:
        with errors.reworded("user", NotFound("user", segment)):
            row = serializers.USERS.by_id(work, path_id(segment))
        work.require(Act.READ)
        return orjson.dumps(serializers.single_user(row))

    return responses.ok(await call.reading(get))


@users_chapter.route(
    "GET",
    "/users/get_by_email",
    answers=UserOut,
    parameters=[in_query("email", TEXT, "The address, whatever its letter case and padding", required=True)],
    may_refuse=[404],
)
async def get_user_by_email(call: Call) -> Answer:
    """The user with an address."""
    sent = call.asked.get("email", ABSENT)
    email = text_or(params.only(sent), None) or ""

    def get(work: Work) -> bytes:
        row = _known(work, email)
        if row is None:
            raise NotFound("address", text_or(sent, None))
        work.require(Act.READ)
        return orjson.dumps(serializers.single_user(row))

    return responses.ok(await call.reading(get))


@users_chapter.route(
    "POST",
    "/users",
    answers=Id,
    status=201,
    may_refuse=[422],
    also={200: {"description": "The address is known: this is its user, unchanged", "model": Id}},
    body=members(
        ["email"],
        email=described(TEXT, "Compared without letter case and padding"),
        full_name=described(TEXT_OR_NULL, "2 to 64 characters; the address when it is null or absent"),
    ),
)
async def create_user(call: Call) -> Answer:
    """Find the user with an address, or else register one: a plain user without a password."""
    asked = call.asked
    sent = asked.get("email", ABSENT)
    # Section 1.6: an array is no missing address, but one that is not well-formed.
    email = ARRAY_AS_EMAIL if isinstance(sent, list) and params.only(sent) != [] else text_or(sent, None) or ""
    name = asked.get("full_name", ABSENT)
    full_name = email if name is False else text_or(name, None)

    def register(work: Work) -> tuple[bool, int]:
        row = _known(work, email)
        if row is not None:
            return False, row[0]
        work.require(Act.REGISTER_USER)
        problems = _wrong_with(email, email if full_name is None else full_name)
        if problems:
            raise Invalid(problems)
        try:
            return True, users.register(work, email=email, name=email if full_name is None else full_name)
        except Conflict:
            # Somebody else was quicker: that one is the user with the address now.
            row = _known(work, email)
            if row is None:
                raise
            return False, row[0]

    is_new, user_id = await call.writing(register)
    return responses.created(user_id) if is_new else responses.written(user_id)


@users_chapter.route("PUT", "/users/{id}/block", answers=Id, parameters=[USER_ID], may_refuse=[404])
async def block_user(call: Call) -> Answer:
    """Keep a user from acting; his keys end for good, his content stays."""
    segment = call.path["id"]
    user_id = path_id(segment)

    def block(work: Work) -> None:
        with errors.reworded("user", NotFound("user", segment)):
            users.block(work, user_id)

    await call.writing(block)
    call.services.admissions.forget()
    return responses.written(user_id)


def _known(work: Work, email: str) -> Row | None:
    """The user with this address, a deleted one by the address that stands for his."""
    key = emails.fold(email)
    if not key:
        return None
    tombstone = _TOMBSTONE.fullmatch(key)
    try:
        if tombstone:
            row = serializers.USERS.by_id(work, int(tombstone[1]))
            if serializers.listed_user(row)["email"] == key:
                return row
        return serializers.USERS.by_email(work, email)
    except NotFound:
        return None


def _wrong_with(email: str, full_name: str) -> list[Problem]:
    """What is wrong with a new user here. docs/contracts/astuto.md, section 1.5."""
    problems = [Problem("full_name", "blank")] if params.blank(full_name) else []
    if len(full_name) < MIN_NAME:
        problems.append(Problem("full_name", "too_short", {"minimum": MIN_NAME}))
    elif len(full_name) > MAX_NAME:
        problems.append(Problem("full_name", "too_long", {"maximum": MAX_NAME}))
    key = emails.fold(email)
    if not key:
        problems.append(Problem("email", "blank"))
    if not emails.well_formed(key) or len(key) > users.MAX_EMAIL:
        problems.append(Problem("email", "invalid"))
    return problems

"""Signing in by password, and by links and codes: stored as digests, valid once, for a time, in one browser."""

import asyncio
import hashlib
import json
from contextlib import closing
from typing import Any

import pytest

from app.application import Application
from app.background import delete_expired_sign_ins
from app.domain.errors import Conflict, NotFound
from app.domain.notifications.content import Content
from app.domain.users import deletion, sessions, sign_in, users
from app.domain.users.sign_in import Credentials
from app.domain.users.sign_in_requests import (
    MAX_ATTEMPTS,
    MAX_BATCH,
    MAX_DAILY_WRONG_CODES,
    MAX_HOURLY_REQUESTS,
    RequestOwner,
)
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.account_mail import load_mail, queue_account_mail
from tests.support.concurrency import ConcurrentWriter
from tests.support.factory import Factory

EMAIL = "jane@example.com"
BROWSER = "the token of a browser"


@pytest.fixture
async def jane(make: Factory) -> int:
    return await make.user(email=EMAIL)


async def forget_requests(make: Factory) -> None:
    """Let the next request be made, whenever the last one was."""
    await make.run("UPDATE sign_in_requests SET created_at = '2026-01-01 00:00:00.000000'")


async def request(
    make: Factory, *, browser: str = BROWSER, email: str = EMAIL, keeps_former: bool = False
) -> tuple[str, str]:
    """Ask for an email, and return its token and its code."""
    if not keeps_former:
        await forget_requests(make)
    await make.act(lambda work: sign_in.request(work, email, browser_token=browser))
    mail = [each for each in await queue_account_mail(make) if each.kind == "sign_in"]
    return mail[-1].values["token"], mail[-1].values["code"]


async def use_link(make: Factory, token: str, *, browser: str | None = None) -> RequestOwner:
    return await make.act(lambda work: sign_in.use_link(work, token, browser_token=browser))


async def use_code(
    make: Factory, code: str, *, browser: str = BROWSER, portal: int | None = None
) -> RequestOwner | None:
    return await make.act(lambda work: sign_in.use_code(work, code, browser_token=browser), portal=portal)


async def reason(make: Factory, token: str, *, portal: int | None = None) -> str | None:
    """Why the link is not valid, or None; the same whether it is only shown or used."""
    codes = []
    for rule in (
        lambda work: sign_in.find_link_owner(work, token),
        lambda work: sign_in.use_link(work, token, browser_token=None),
    ):
        try:
            await make.act(rule, portal=portal)
            codes.append(None)
        except Conflict as error:
            codes.append(error.code)
    assert codes[0] == codes[1]
    return codes[0]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def test_the_credentials_of_an_address_are_found_in_its_portal(make: Factory, jane: int) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    without_password = await make.user(email="roe@example.com")
    await make.run("UPDATE users SET password_hash = 'the hash', blocked_at = created_at WHERE id = :id", id=jane)

    found = {
        email: await make.act(
            lambda work, email=email: sign_in.find_by_email(work, email, sends_mail=True), portal=portal
        )
        for email, portal in (
            (" JANE@example.com", make.portal),
            ("roe@example.com", make.portal),
            ("other@example.com", make.portal),
            (EMAIL, other),
            ("\0", make.portal),
            ("\ud800", make.portal),
        )
    }

    assert found == {
        " JANE@example.com": Credentials(jane, "the hash", True),
        "roe@example.com": Credentials(without_password, None, True),
        "other@example.com": Credentials(None, None, False),
        **dict.fromkeys((EMAIL, "\0", "\ud800"), Credentials(None, None, False)),
    }
    assert "the hash" not in repr(found[" JANE@example.com"])


@pytest.mark.parametrize("new_hash", [None, "the new hash"])
async def test_a_verified_password_signs_in_and_an_outdated_hash_is_replaced(
    make: Factory, jane: int, new_hash: str | None
) -> None:
    await make.run("UPDATE users SET password_hash = 'the hash' WHERE id = :id", id=jane)
    other = await make.act(lambda work: sessions.create(work, user_id=jane, method="link", user_agent=""))

    token = await make.act(
        lambda work: sign_in.complete(
            work, Credentials(jane, "the hash", True), sends_mail=True, new_hash=new_hash, user_agent="Firefox"
        )
    )

    session = await make.row("SELECT method, user_agent FROM sessions WHERE digest = :digest", digest=sha256(token))
    assert session == {"method": "password", "user_agent": "Firefox"}
    stored = await make.value("SELECT password_hash FROM users WHERE id = :id", id=jane)
    assert stored == (new_hash or "the hash")
    # The password is the same, so nothing else ends, and nobody is told.
    assert await make.act(lambda work: sessions.find(work, other)) is not None
    assert await make.facts("user.password_changed") == []


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("password_hash = 'another'", "sign_in.changed"),
        ("password_hash = NULL", "sign_in.changed"),
        ("deleted_at = created_at, email = NULL", "sign_in.changed"),
        ("blocked_at = created_at", "sign_in.blocked"),
        ("awaits_approval = TRUE", "sign_in.awaits_approval"),
        ("signed_up_at = created_at", "sign_in.unconfirmed"),
    ],
)
async def test_a_user_who_changed_meanwhile_is_not_signed_in(make: Factory, jane: int, change: str, code: str) -> None:
    await make.run("UPDATE users SET password_hash = 'the hash' WHERE id = :id", id=jane)
    credentials = await make.act(lambda work: sign_in.find_by_email(work, EMAIL, sends_mail=True))
    await make.run(f"UPDATE users SET {change} WHERE id = :id", id=jane)

    for each in (credentials, Credentials(None, None, False)):
        with pytest.raises(Conflict, match=code if each == credentials else "changed"):
            await make.act(
                lambda work, each=each: sign_in.complete(work, each, sends_mail=True, new_hash="new", user_agent="")
            )

    assert await make.rows("SELECT id FROM sessions") == []
    assert await make.value("SELECT count(*) FROM users WHERE password_hash = 'new'") == 0


async def test_a_browser_gets_one_email_for_a_known_address_in_five_minutes(
    make: Factory, jane: int, clock: TestClock
) -> None:
    clock.set(clock())
    await make.new_portal("Other", host="other.example.com", email="other@example.com")
    for seconds in (0, 299, 1):
        clock.advance(seconds=seconds)
        for email in (" JANE@example.com ", "nobody@example.com", "other@example.com", "", "\0", "\ud800"):
            await make.act(lambda work, email=email: sign_in.request(work, email, browser_token=BROWSER))

    rows = await make.rows("SELECT id, user_id, email, link_digest, browser_digest FROM sign_in_requests ORDER BY id")
    assert [tuple(row.values())[1:] for row in rows] == [(jane, EMAIL, None, sha256(BROWSER))] * 2
    events = await make.facts("user.sign_in_requested")
    assert [(event["subject_id"], json.loads(event["body"])) for event in events] == [
        (jane, {"request": row["id"]}) for row in rows
    ]


async def test_requests_of_another_browser_hold_back_nobody(make: Factory, jane: int, clock: TestClock) -> None:
    clock.set(clock())
    await make.act(lambda work: sign_in.request(work, EMAIL, browser_token="a stranger's"))

    token, code = await request(make, keeps_former=True)

    owner = await use_code(make, code)
    assert owner is not None
    assert owner.user_id == jane
    assert await reason(make, token) == "token.used"


async def test_a_user_gets_ten_emails_an_hour_and_each_link_works_everywhere(
    make: Factory, jane: int, clock: TestClock
) -> None:
    clock.set(clock())

    async def send(browser: str) -> list[str]:
        await make.act(lambda work: sign_in.request(work, EMAIL, browser_token=browser))
        return [mail.token for mail in await queue_account_mail(make)]

    sent = [await send(f"browser {number}") for number in range(MAX_HOURLY_REQUESTS + 2)]
    assert [len(tokens) for tokens in sent] == [1] * MAX_HOURLY_REQUESTS + [0, 0]
    clock.advance(minutes=14)
    assert (await use_link(make, sent[0][0], browser="Jane's")).user_id == jane
    clock.advance(minutes=46)
    assert len(await send("Jane's")) == 1


async def test_of_concurrent_requests_one_is_recorded(make: Factory, jane: int, settings: Settings) -> None:
    with closing(ConcurrentWriter(settings, make.portal, 3)) as write:
        await asyncio.to_thread(write, *[lambda work: sign_in.request(work, EMAIL, browser_token=BROWSER)] * 3)

    assert [event["subject_id"] for event in await make.facts("user.sign_in_requested")] == [jane]


@pytest.mark.parametrize("change", ["blocked_at = created_at", "deleted_at = created_at, email = NULL"])
async def test_nothing_is_sent_to_a_user_who_may_not_sign_in(make: Factory, jane: int, change: str) -> None:
    await make.act(lambda work: sign_in.request(work, EMAIL, browser_token=BROWSER))
    await make.run(f"UPDATE users SET {change} WHERE id = :id", id=jane)

    await make.act(lambda work: sign_in.request(work, EMAIL, browser_token="another"))

    assert len(await make.facts("user.sign_in_requested")) == 1
    assert await queue_account_mail(make) == []
    assert await make.rows("SELECT id FROM sign_in_requests WHERE link_digest IS NOT NULL") == []


async def test_only_digests_of_link_and_code_are_stored(make: Factory, jane: int) -> None:
    token, code = await request(make)

    row = await make.row("SELECT * FROM sign_in_requests")
    assert (row["link_digest"], row["code_digest"], row["browser_digest"]) == (
        sha256(token), sha256(code), sha256(BROWSER),
    )  # fmt: skip
    assert (row["user_id"], row["email"], len(token), len(code)) == (jane, EMAIL, 43, 6)
    assert code.isdigit()
    assert not {token, code, BROWSER} & {str(value) for value in dict(row).values()}


async def test_a_link_signs_in_once_and_confirms_the_address(make: Factory, jane: int) -> None:
    token, code = await request(make)

    shown = await make.act(lambda work: sign_in.find_link_owner(work, token))
    assert (shown.user_id, shown.name, shown.email) == (jane, "Jane Roe", EMAIL)
    assert await make.value("SELECT email_confirmed_at FROM users WHERE id = :id", id=jane) is None
    assert (await use_link(make, token)).user_id == jane

    assert await make.value("SELECT email_confirmed_at FROM users WHERE id = :id", id=jane) is not None
    assert [event["subject_id"] for event in await make.facts("user.email_confirmed")] == [jane]
    assert await reason(make, token) == "token.used"
    assert await use_code(make, code) is None


async def test_a_code_signs_in_once_in_the_browser_that_asked_and_confirms_the_address(
    make: Factory, jane: int
) -> None:
    token, code = await request(make)

    assert await use_code(make, code, browser="another browser") is None
    assert await use_code(make, wrong(code)) is None
    owner = await use_code(make, code)
    assert owner is not None
    assert (owner.user_id, owner.email) == (jane, EMAIL)

    assert await make.value("SELECT email_confirmed_at FROM users WHERE id = :id", id=jane) is not None
    assert await use_code(make, code) is None
    assert await reason(make, token) == "token.used"


async def test_a_code_ends_after_five_attempts_and_its_link_does_not(make: Factory, jane: int) -> None:
    token, code = await request(make)

    for _ in range(MAX_ATTEMPTS):
        assert await use_code(make, wrong(code)) is None
    assert await use_code(make, code) is None

    assert (await use_link(make, token)).user_id == jane


async def test_the_fifth_attempt_counts(make: Factory, jane: int) -> None:
    _, code = await request(make)

    for _ in range(MAX_ATTEMPTS - 1):
        assert await use_code(make, wrong(code)) is None

    owner = await use_code(make, code)
    assert owner is not None
    assert owner.user_id == jane


async def enter_wrong_codes(make: Factory, number: int) -> tuple[str, str]:
    """Enter them in as many requests as it takes, and return the token and the code of the last one."""
    token, code = await request(make, keeps_former=True)
    for attempt in range(number):
        if attempt and attempt % MAX_ATTEMPTS == 0:
            token, code = await request(make, browser=f"{BROWSER} {attempt}", keeps_former=True)
        browser = BROWSER if attempt < MAX_ATTEMPTS else f"{BROWSER} {attempt // MAX_ATTEMPTS * MAX_ATTEMPTS}"
        assert await use_code(make, wrong(code), browser=browser) is None
    return token, code


async def test_after_twenty_wrong_codes_of_a_day_only_links_sign_in(make: Factory, jane: int, clock: TestClock) -> None:
    clock.set(clock())
    _, former = await request(make, browser="Jane's")
    await enter_wrong_codes(make, MAX_DAILY_WRONG_CODES)

    assert await use_code(make, former, browser="Jane's") is None
    await make.act(lambda work: sign_in.request(work, EMAIL, browser_token="a new one"))
    (email,) = await queue_account_mail(make)
    content = await load_mail(make, email)
    assert isinstance(content, Content)
    assert content.account is not None
    assert (content.account.code, bool(content.account.link)) == (None, True)
    assert (await use_link(make, email.token)).user_id == jane
    clock.advance(days=1)
    _, code = await request(make, browser="Jane's", keeps_former=True)
    assert await use_code(make, code, browser="Jane's") is not None


async def test_nineteen_wrong_codes_and_any_right_ones_are_not_too_many(make: Factory, jane: int) -> None:
    _, right = await request(make, browser="Jane's")
    assert await use_code(make, right, browser="Jane's") is not None
    _, code = await enter_wrong_codes(make, MAX_DAILY_WRONG_CODES - 1)

    assert await use_code(make, code, browser=f"{BROWSER} 15") is not None


async def test_link_and_code_are_valid_for_fifteen_minutes(make: Factory, jane: int, clock: TestClock) -> None:
    clock.set(clock())
    first, _ = await request(make)
    second, code = await request(make, browser="second")

    clock.advance(minutes=15, seconds=-1)
    assert (await make.act(lambda work: sign_in.find_link_owner(work, first))).user_id == jane
    clock.advance(seconds=1)
    assert await reason(make, first) == "token.expired"
    assert await use_code(make, code, browser="second") is None
    clock.advance(seconds=-1)
    assert await use_code(make, code, browser="second") is not None
    # A sign-in ends the other links of the user, too.
    assert [await reason(make, token) for token in (first, second)] == ["token.used", "token.used"]


async def test_link_and_code_are_unknown_elsewhere(make: Factory, jane: int) -> None:
    other, _ = await make.new_portal("Other", host="other.example.com", email=EMAIL)
    token, code = await request(make)

    assert await reason(make, token, portal=other) == "token.unknown"
    assert await use_code(make, code, portal=other) is None
    for text in ("", "x", token[:-1], f"{token}A", token.swapcase(), "\ud800", "\0", "é" * 5000):
        assert await reason(make, text) == "token.unknown"
        assert await use_code(make, text, browser=text or BROWSER) is None
    assert await reason(make, token) is None


async def test_a_change_of_the_user_ends_links_and_codes(make: Factory, jane: int) -> None:
    changes: list[Any] = [
        lambda work: users.update(work, jane, password_hash="another"),
        lambda work: users.update(work, jane, email="roe@example.com"),
        lambda work: users.block(work, jane),
        lambda work: deletion.delete(work, jane, with_content=False),
    ]
    expected = ["token.used", "token.used", "token.used", "token.unknown"]

    for change, expect in zip(changes, expected, strict=True):
        await make.run("UPDATE users SET blocked_at = NULL WHERE id = :id", id=jane)
        email = str(await make.value("SELECT email FROM users WHERE id = :id", id=jane))
        token, code = await request(make, email=email)

        await make.act(change)

        assert await use_code(make, code) is None
        assert await reason(make, token) == expect
    assert await make.rows("SELECT id FROM sign_in_requests") == []


@pytest.mark.parametrize("way", ["link", "code"])
async def test_of_concurrent_uses_one_succeeds(make: Factory, jane: int, settings: Settings, way: str) -> None:
    def operation(token: str, code: str) -> Any:
        def run(work: Any) -> None:
            if way == "link":
                sign_in.use_link(work, token, browser_token=None)
            elif sign_in.use_code(work, code, browser_token=BROWSER) is None:
                raise Conflict("code.wrong")
            sessions.create(work, user_id=jane, method="email", user_agent="")

        return run

    with closing(ConcurrentWriter(settings, make.portal, 3)) as write:
        for number in range(1, 4):
            token, code = await request(make)

            results = await asyncio.to_thread(write, *[operation(token, code)] * 3)

            lost = "token.used" if way == "link" else "code.wrong"
            assert sorted(str(getattr(result, "code", result)) for result in results) == sorted(["None", lost, lost])
            assert await make.value("SELECT count(*) FROM sessions") == number


async def test_concurrent_attempts_are_all_counted(make: Factory, jane: int, settings: Settings) -> None:
    _, code = await request(make)
    with closing(ConcurrentWriter(settings, make.portal, 3)) as write:
        for _ in range(2):
            await asyncio.to_thread(
                write, *[lambda work: sign_in.use_code(work, wrong(code), browser_token=BROWSER)] * 3
            )

    assert await make.value("SELECT attempts FROM sign_in_requests") == MAX_ATTEMPTS
    assert await use_code(make, code) is None


async def test_the_operator_makes_a_link_for_a_user_without_an_address(make: Factory) -> None:
    user = await make.user(email=None)

    token = await make.act(lambda work: sign_in.create_link(work, user))

    owner = await use_link(make, token, browser=BROWSER)
    assert (owner.user_id, owner.email, owner.is_own_sign_up) == (user, None, False)
    assert await make.value("SELECT email_confirmed_at FROM users WHERE id = :id", id=user) is None
    assert await reason(make, token) == "token.used"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("blocked_at = created_at", Conflict("sign_in.blocked")),
        ("awaits_approval = TRUE", Conflict("sign_in.awaits_approval")),
        ("deleted_at = created_at, email = NULL", NotFound("user")),
    ],
)
async def test_the_operator_makes_no_link_for_a_user_who_may_not_sign_in(
    make: Factory, jane: int, change: str, error: Exception
) -> None:
    await make.run(f"UPDATE users SET {change} WHERE id = :id", id=jane)

    with pytest.raises(type(error), match=getattr(error, "code", None)):
        await make.act(lambda work: sign_in.create_link(work, jane))

    assert await make.rows("SELECT id FROM sign_in_requests") == []


async def test_old_requests_are_deleted_in_batches(
    make: Factory, server: Application, jane: int, clock: TestClock
) -> None:
    clock.set(clock())
    number = MAX_BATCH + 7

    def create_many(work: Any) -> None:
        for _ in range(number):
            sign_in.create_link(work, jane)

    await make.act(create_many)
    clock.advance(days=1)
    await make.act(lambda work: sign_in.create_link(work, jane))
    await delete_expired_sign_ins(server.database)
    assert await make.value("SELECT count(*) FROM sign_in_requests") == number + 1
    clock.advance(minutes=15, seconds=1)

    await delete_expired_sign_ins(server.database)

    assert await make.value("SELECT count(*) FROM sign_in_requests") == 1

"""Several at once: one of two that exclude each other succeeds, and every counter is what a recount gives."""

from itertools import pairwise
from typing import Any

import httpx
import pytest

from app.settings import Settings
from tests.support.concurrency import Race, Request, racing, statuses
from tests.support.expected_counters import counter_mismatches
from tests.support.factory import Factory
from tests.support.random_requests import RequestGenerator
from tests.support.sample_portal import SamplePortal, populate

LANES = 4
ROUNDS = 5


class Course:
    """A race on the portal under test, with keys of its owner."""

    def __init__(self, make: Factory, race: Race, astuto: str, productlift: str) -> None:
        self.make = make
        self._race = race
        self._keys = {"astuto": astuto, "productlift": productlift}

    def astuto(self, method: str, path: str, sent: Any = None) -> Request:
        return Request(self._keys["astuto"], method, path, sent)

    def productlift(self, method: str, path: str, sent: Any = None) -> Request:
        return Request(self._keys["productlift"], method, path, sent)

    def of(self, dialect: str, method: str, path: str, sent: Any) -> Request:
        return Request(self._keys[dialect], method, path, sent)

    async def __call__(self, *requests: Request) -> list[httpx.Response]:
        """Request all at once, and see that none met a crash and that all numbers are right."""
        responses = self._race(*requests)
        for request, response in zip(requests, responses, strict=True):
            assert response.status_code < 500, (request[1:], response.text)
        assert await counter_mismatches(self.make) == []
        return responses

    async def things(self) -> SamplePortal:
        return await populate(self.make, self.make.portal, self.make.owner)

    async def count(self, query: str, **values: Any) -> int:
        return int(await self.make.value(f"SELECT count(*) FROM {query}", **values))


@pytest.fixture
async def course(make: Factory, settings: Settings) -> Any:
    astuto, productlift = await make.key(make.owner, "astuto"), await make.key(make.owner, "productlift")
    with racing(settings, LANES) as race:
        yield Course(make, race, astuto, productlift)


def bodies(responses: list[httpx.Response], status: int) -> list[Any]:
    return [response.json() for response in responses if response.status_code == status]


async def test_of_identical_votes_one_counts(course: Course) -> None:
    for _ in range(ROUNDS):
        things = await course.things()
        ours = course.astuto("POST", "/votes", {"post_id": things.post, "impersonated_user_id": things.voter})
        theirs = course.productlift("POST", f"/posts/{things.code}/votes/{things.voter_uuid}")

        responses = await course(ours, theirs, ours, theirs)

        assert len([response for response in responses if response.status_code in (200, 201)]) == 1
        for place, response in enumerate(responses):
            if response.status_code == 422:
                said = [{"errors": ["User is already in use"]}, {"message": "User has already voted."}]
                assert response.json() == said[place % 2]
        assert await course.count("votes WHERE post_id = :p AND user_id = :u", p=things.post, u=things.voter) == 1
        told = "facts WHERE kind = 'vote.cast' AND post_id = :p AND user_id = :u"
        assert await course.count(told, p=things.post, u=things.voter) == 1


async def test_votes_of_many_users_all_count(course: Course) -> None:
    for _ in range(ROUNDS):
        things = await course.things()
        users = [await course.make.uuid(await course.make.user()) for _ in range(LANES)]

        responses = await course(*(course.productlift("POST", f"/posts/{things.code}/votes/{user}") for user in users))

        assert statuses(responses) == [200] * LANES
        assert await course.make.value("SELECT votes_count FROM posts WHERE id = :id", id=things.post) == 1 + LANES


async def test_one_user_s_votes_for_many_posts_all_count(course: Course) -> None:
    for _ in range(ROUNDS):
        voter = await course.make.user()
        posts = [await course.make.post() for _ in range(LANES)]

        responses = await course(
            *(course.astuto("POST", "/votes", {"post_id": post, "impersonated_user_id": voter}) for post in posts)
        )

        assert statuses(responses) == [201] * LANES
        assert await course.make.value("SELECT votes_count FROM users WHERE id = :id", id=voter) == LANES


async def test_voting_and_taking_the_vote_back_leave_a_vote_or_none(course: Course) -> None:
    for _ in range(ROUNDS):
        things = await course.things()
        path = f"/posts/{things.code}/votes/{things.uuid}"

        retracted, cast, again, by_id = await course(
            course.productlift("DELETE", path),
            course.productlift("POST", path),
            course.productlift("DELETE", path),
            course.astuto("DELETE", f"/votes/{things.vote}"),
        )

        taken = sum(response.status_code == 200 for response in (retracted, again, by_id))
        left = await course.count("votes WHERE post_id = :p AND user_id = :u", p=things.post, u=things.user)
        # One was there; whoever voted put one more there, whoever took one back took one away.
        assert left == 1 + (cast.status_code == 200) - taken


async def test_voting_for_a_post_that_goes_away_leaves_nothing(course: Course) -> None:
    for number in range(ROUNDS):
        things = await course.things()
        deleting = course.astuto("DELETE", f"/posts/{things.post}")
        if number % 2:
            deleting = course.productlift("DELETE", f"/posts/{things.code}")

        ours, gone, theirs, comment = await course(
            course.astuto("POST", "/votes", {"post_id": things.post, "impersonated_user_id": things.owner}),
            deleting,
            course.productlift("POST", f"/posts/{things.code}/votes/{things.voter_uuid}"),
            course.astuto("POST", "/comments", {"post_id": things.post, "body": "Wait!", "parent_id": things.comment}),
        )

        assert gone.status_code == 200
        if ours.status_code != 201:
            assert (ours.status_code, ours.json()) == (422, {"errors": ["Post is mandatory"]})
        if theirs.status_code != 200:
            missing = {"message": f"No query results for model [App\\Post] {things.code}"}
            assert (theirs.status_code, theirs.json()) == (404, missing)
        if comment.status_code != 201:
            assert comment.status_code in (400, 422)
        for table in ("votes", "comments", "follows", "status_changes"):
            assert await course.count(f"{table} WHERE post_id = :p", p=things.post) == 0, table


async def test_posts_with_one_title_get_slugs_of_their_own(course: Course) -> None:
    for number in range(ROUNDS):
        title = f"Dark mode {number}"
        ours = course.astuto("POST", "/posts", {"title": title, "board_id": course.make.boards["Bug Reports"]})
        theirs = course.productlift("POST", "/posts", {"title": title})

        responses = await course(ours, theirs, ours, theirs)

        assert statuses(responses) == [200, 200, 201, 201]
        slugs = [row["slug"] for row in await course.make.rows("SELECT slug FROM posts WHERE title = :t", t=title)]
        assert len(set(slugs)) == 4
        assert slugs.count(f"dark-mode-{number}") == 1
        assert all(slug.startswith(f"dark-mode-{number}") for slug in slugs)


async def test_of_one_address_comes_one_user(course: Course) -> None:
    for number in range(ROUNDS):
        email = f"new{number}@example.com"
        ours = course.astuto("POST", "/users", {"email": email.upper(), "full_name": "Jane Roe"})
        theirs = course.productlift("POST", "/users", {"email": email, "role": "member"})

        responses = await course(ours, theirs, ours, theirs)

        ((user, uuid),) = [row.values() for row in await course.make.rows(
            "SELECT id, uuid FROM users WHERE email = :email", email=email
        )]  # fmt: skip
        made = [place for place, response in enumerate(responses) if response.status_code == (201, 200)[place % 2]]
        assert len(made) == 1
        for place, response in enumerate(responses):
            if place % 2 == 0:
                assert response.json() == {"id": user}
                assert response.status_code == (201 if place in made else 200)
            elif place in made:
                assert response.json()["data"]["id"] == uuid
            else:
                assert (response.status_code, response.json()) == (422, {"message": "User already exists"})
        assert await course.count("facts WHERE kind = 'user.registered' AND subject_id = :u", u=user) == 1


async def test_names_that_may_stand_once_are_given_once(course: Course) -> None:
    taken = {"message": "The given data was invalid.", "errors": {"name": ["The name has already been taken."]}}
    for number in range(ROUNDS):
        boards = await course(*[course.astuto("POST", "/boards", {"name": f"Ideas {number}"})] * LANES)
        categories = await course(
            *(course.productlift("POST", "/categories", {"name": name.format(number)}) for name in ("a{}", "A{}") * 2)
        )
        sent = {"name": f"Soon {number}", "tab_id": course.make.tabs["roadmap"]}
        stages = await course(*[course.productlift("POST", "/statuses", sent)] * LANES)

        assert statuses(boards) == [201, 422, 422, 422]
        assert bodies(boards, 422) == [{"errors": ["Name is already in use"]}] * 3
        assert statuses(categories) == [200, 422, 422, 422]
        assert bodies(categories, 422) == [taken] * 3
        assert statuses(stages) == [200, 422, 422, 422]
        assert bodies(stages, 422) == [taken] * 3


async def test_of_approving_and_rejecting_one_stands(course: Course) -> None:
    for _ in range(ROUNDS):
        things = await course.things()

        responses = await course(
            course.astuto("PUT", f"/posts/{things.pending}/approve"),
            course.astuto("PUT", f"/posts/{things.pending}/reject"),
            course.productlift("POST", f"/moderation/approve/post/{things.pending_code}"),
            course.productlift("POST", f"/moderation/reject/post/{things.pending_code}"),
        )

        assert statuses(responses) == [200, 422, 422, 422]
        first = [response.status_code for response in responses].index(200)
        state = ("approved", "rejected")[first % 2]
        assert await course.make.value("SELECT moderation FROM posts WHERE id = :id", id=things.pending) == state
        facts = "SELECT kind FROM facts WHERE post_id = :id AND kind IN ('post.approved', 'post.rejected')"
        assert await course.make.rows(facts, id=things.pending) == [{"kind": f"post.{state}"}]


async def test_what_is_deleted_twice_is_deleted_once(course: Course) -> None:
    for _ in range(ROUNDS):
        things = await course.things()
        for asks in (
            [course.astuto("DELETE", f"/votes/{things.vote}")] * 4,
            [course.astuto("DELETE", f"/comments/{things.comment}")] * 2
            + [course.productlift("DELETE", f"/posts/{things.code}/comments/{things.comment}")] * 2,
            [course.productlift("DELETE", f"/posts/{things.code}"), course.astuto("DELETE", f"/posts/{things.post}")]
            * 2,
            [course.productlift("DELETE", f"/categories/{things.category}")] * 4,
            [course.productlift("DELETE", f"/statuses/{things.status}")] * 4,
            [course.productlift("DELETE", f"/sections/{things.section}")] * 4,
            [course.productlift("DELETE", f"/users/{things.uuid}", {"delete_all_data": True})] * 4,
            [course.productlift("DELETE", f"/users/{things.voter_uuid}")] * 4,
        ):
            assert statuses(await course(*asks)) == [200, 404, 404, 404], asks[0][1:]
        deleted = "SELECT kind FROM facts WHERE kind = 'post.deleted' AND post_id = :id"
        assert len(await course.make.rows(deleted, id=things.post)) == 1


async def test_status_changes_at_once_leave_a_history_without_gaps(course: Course) -> None:
    planned, started = course.make.statuses["Planned"], course.make.statuses["In Progress"]
    for _ in range(ROUNDS):
        things = await course.things()
        path = f"/posts/{things.post}/update_status"

        responses = await course(
            course.astuto("PUT", path, {"post_status_id": started}),
            course.astuto("PUT", path, {"post_status_id": things.status}),
            course.productlift("PATCH", f"/posts/{things.code}", {"status_id": started}),
            course.astuto("PUT", path, {"post_status_id": None}),
        )

        assert statuses(responses) == [200] * 4
        history = "SELECT status_id FROM status_changes WHERE post_id = :id ORDER BY id"
        stood = [row["status_id"] for row in await course.make.rows(history, id=things.post)]
        assert stood[0] == planned
        assert all(before != after for before, after in pairwise(stood))
        assert await course.make.value("SELECT status_id FROM posts WHERE id = :id", id=things.post) == stood[-1]


async def test_edits_of_one_post_at_once_keep_every_number_right(course: Course) -> None:
    for _ in range(ROUNDS):
        things, others = await course.things(), await course.things()
        path = f"/posts/{things.code}"

        responses = await course(
            course.productlift("PATCH", path, {"category_id": others.category, "user_id": others.uuid}),
            course.productlift("PATCH", path, {"user_id": None, "section_id": others.section}),
            course.astuto("PUT", f"/posts/{things.post}/update_board", {"board_id": things.board}),
            course.productlift("PATCH", path, {"category_id": None, "section_id": things.section}),
        )

        assert statuses(responses) == [200] * 4


async def test_what_things_belong_to_may_go_while_they_come(course: Course) -> None:
    for _ in range(ROUNDS):
        things = await course.things()
        sent = {"title": "A late one", "category_id": things.category, "section_id": things.section}

        responses = await course(
            course.productlift("POST", "/posts", sent | {"status_id": things.status}),
            course.productlift("DELETE", f"/categories/{things.category}"),
            course.productlift("DELETE", f"/statuses/{things.status}"),
            course.productlift("DELETE", f"/sections/{things.section}"),
        )

        assert statuses(responses)[:3] == [200] * 3
        assert responses[0].status_code == 200, responses[0].text


async def test_a_user_may_go_while_he_writes_and_votes(course: Course) -> None:
    for number in range(ROUNDS):
        things = await course.things()

        gone, *responses = await course(
            course.productlift("DELETE", f"/users/{things.voter_uuid}", {"delete_all_data": number % 2 == 0}),
            course.productlift("POST", "/posts", {"title": "My last one", "user_id": things.voter_uuid}),
            course.productlift("POST", f"/posts/{things.code}/votes/{things.voter_uuid}"),
            course.astuto(
                "POST", "/comments", {"post_id": things.post, "body": "Bye", "impersonated_user_id": things.voter}
            ),
        )

        assert gone.status_code == 200
        unknown = {"message": f"No query results for model [App\\User] {things.voter_uuid}"}
        for response in responses[:2]:
            if response.status_code != 200:
                assert (response.status_code, response.json()) == (404, unknown)
        assert responses[2].status_code == 201


async def test_replies_may_come_while_their_thread_goes(course: Course) -> None:
    for number in range(ROUNDS):
        things, other = await course.things(), await course.things()
        if number % 2:
            deleting = course.astuto("DELETE", f"/comments/{things.comment}")
        else:
            deleting = course.productlift("DELETE", f"/posts/{things.code}/comments/{things.comment}")
        reply = {"body": "But", "parent_id": things.comment}

        gone, *responses = await course(
            deleting,
            course.astuto("POST", "/comments", reply | {"post_id": things.post}),
            course.astuto("POST", "/comments", reply | {"post_id": other.post}),
            course.productlift(
                "POST", f"/posts/{things.code}/comments", {"comment": "But", "parent_id": things.comment}
            ),
        )

        assert gone.status_code == 200
        assert all(response.status_code in (200, 201, 400, 404) for response in responses)
        assert await course.count("comments WHERE parent_id = :c", c=things.comment) == 0


@pytest.mark.parametrize("seed", range(2))
async def test_a_storm_of_random_acts_leaves_every_number_right(course: Course, seed: int) -> None:
    chance = RequestGenerator(seed, course.make)
    for _ in range(2):
        await course.things()
    answered = []
    for _ in range(25):
        await chance.refresh()

        responses = await course(*(course.of(*chance.request()) for _ in range(LANES)))

        answered += [response.status_code for response in responses]
    assert sum(status < 300 for status in answered) > len(answered) // 3

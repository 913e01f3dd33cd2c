"""Concurrent requests: one of two that exclude each other succeeds, and every counter is what a recount gives."""

from itertools import pairwise

import pytest

from tests.support.concurrency import statuses
from tests.support.concurrent_clients import LANES, ROUNDS, ConcurrentClients, bodies
from tests.support.random_requests import RequestGenerator


async def test_one_of_several_concurrent_identical_votes_is_counted(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        sample = await clients.populate()
        ours = clients.astuto("POST", "/votes", {"post_id": sample.post, "impersonated_user_id": sample.voter})
        theirs = clients.productlift("POST", f"/posts/{sample.code}/votes/{sample.voter_uuid}")

        responses = await clients.send(ours, theirs, ours, theirs)

        assert len([response for response in responses if response.status_code in (200, 201)]) == 1
        for place, response in enumerate(responses):
            if response.status_code == 422:
                errors = [{"errors": ["User is already in use"]}, {"message": "User has already voted."}]
                assert response.json() == errors[place % 2]
        assert await clients.count("votes WHERE post_id = :p AND user_id = :u", p=sample.post, u=sample.voter) == 1
        events = "facts WHERE kind = 'vote.cast' AND post_id = :p AND user_id = :u"
        assert await clients.count(events, p=sample.post, u=sample.voter) == 1


async def test_all_concurrent_votes_of_different_users_are_counted(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        sample = await clients.populate()
        users = [await clients.make.uuid(await clients.make.user()) for _ in range(LANES)]

        responses = await clients.send(
            *(clients.productlift("POST", f"/posts/{sample.code}/votes/{user}") for user in users)
        )

        assert statuses(responses) == [200] * LANES
        assert await clients.make.value("SELECT votes_count FROM posts WHERE id = :id", id=sample.post) == 2 + LANES


async def test_all_concurrent_votes_of_one_user_are_counted(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        voter = await clients.make.user()
        posts = [await clients.make.post() for _ in range(LANES)]

        responses = await clients.send(
            *(clients.astuto("POST", "/votes", {"post_id": post, "impersonated_user_id": voter}) for post in posts)
        )

        assert statuses(responses) == [201] * LANES
        assert await clients.make.value("SELECT votes_count FROM users WHERE id = :id", id=voter) == LANES


async def test_one_of_several_concurrent_votes_with_an_anonymous_id_is_counted(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        sample = await clients.populate()
        post, other = await clients.make.post(), await clients.make.post()
        path = f"/posts/{await clients.make.code(post)}/anonymous_votes/earum"

        responses = await clients.send(*[clients.productlift("POST", path)] * LANES)
        different = await clients.send(
            *(clients.productlift("POST", f"/posts/{other}/anonymous_votes/{number}") for number in range(LANES - 1)),
            clients.productlift("POST", f"/posts/{other}/votes/{sample.uuid}"),
        )
        retracted = await clients.send(*[clients.productlift("DELETE", path)] * LANES)

        assert statuses(responses) == statuses(retracted) == [200] + [422] * (LANES - 1)
        assert bodies(responses, 422) == [{"message": "User has already voted."}] * (LANES - 1)
        assert bodies(retracted, 422) == [{"message": "User has not voted yet."}] * (LANES - 1)
        assert statuses(different) == [200] * LANES
        assert await clients.make.value("SELECT votes_count FROM posts WHERE id = :id", id=other) == LANES
        for kind in ("vote.cast", "vote.retracted"):
            assert await clients.count("facts WHERE kind = :kind AND post_id = :post", kind=kind, post=post) == 1
        assert await clients.count("votes WHERE post_id = :post", post=post) == 0


async def test_an_anonymous_vote_during_the_deletion_of_its_post_leaves_no_row(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        sample = await clients.populate()
        path = f"/posts/{sample.code}/anonymous_votes"

        deleted, *responses = await clients.send(
            clients.productlift("DELETE", f"/posts/{sample.code}"),
            clients.productlift("POST", f"{path}/earum"),
            clients.productlift("DELETE", f"{path}/visitor"),
            clients.productlift("PUT", f"/posts/{sample.code}/toggle-publish"),
        )

        assert deleted.status_code == 200
        missing = {"message": f"No query results for model [App\\Post] {sample.code}"}
        for response in responses:
            if response.status_code != 200:
                assert (response.status_code, response.json()) == (404, missing)
        assert await clients.count("votes WHERE post_id = :p", p=sample.post) == 0


async def test_concurrent_voting_and_unvoting_leaves_at_most_one_vote(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        sample = await clients.populate()
        path = f"/posts/{sample.code}/votes/{sample.uuid}"

        retracted, cast, again, by_id = await clients.send(
            clients.productlift("DELETE", path),
            clients.productlift("POST", path),
            clients.productlift("DELETE", path),
            clients.astuto("DELETE", f"/votes/{sample.vote}"),
        )

        taken = sum(response.status_code == 200 for response in (retracted, again, by_id))
        left = await clients.count("votes WHERE post_id = :p AND user_id = :u", p=sample.post, u=sample.user)
        # There was one vote. Each successful POST adds one, each successful DELETE removes one.
        assert left == 1 + (cast.status_code == 200) - taken


async def test_a_vote_during_the_deletion_of_its_post_leaves_no_row(clients: ConcurrentClients) -> None:
    for number in range(ROUNDS):
        sample = await clients.populate()
        deleting = clients.astuto("DELETE", f"/posts/{sample.post}")
        if number % 2:
            deleting = clients.productlift("DELETE", f"/posts/{sample.code}")

        ours, deleted, theirs, comment = await clients.send(
            clients.astuto("POST", "/votes", {"post_id": sample.post, "impersonated_user_id": sample.owner}),
            deleting,
            clients.productlift("POST", f"/posts/{sample.code}/votes/{sample.voter_uuid}"),
            clients.astuto("POST", "/comments", {"post_id": sample.post, "body": "Wait!", "parent_id": sample.comment}),
        )

        assert deleted.status_code == 200
        if ours.status_code != 201:
            assert (ours.status_code, ours.json()) == (422, {"errors": ["Post is mandatory"]})
        if theirs.status_code != 200:
            missing = {"message": f"No query results for model [App\\Post] {sample.code}"}
            assert (theirs.status_code, theirs.json()) == (404, missing)
        if comment.status_code != 201:
            assert comment.status_code in (400, 422)
        for table in ("votes", "comments", "follows", "status_changes"):
            assert await clients.count(f"{table} WHERE post_id = :p", p=sample.post) == 0, table


async def test_concurrent_posts_with_the_same_title_get_unique_slugs(clients: ConcurrentClients) -> None:
    for number in range(ROUNDS):
        title = f"Dark mode {number}"
        ours = clients.astuto("POST", "/posts", {"title": title, "board_id": clients.make.boards["Bug Reports"]})
        theirs = clients.productlift("POST", "/posts", {"title": title})

        responses = await clients.send(ours, theirs, ours, theirs)

        assert statuses(responses) == [200, 200, 201, 201]
        slugs = [row["slug"] for row in await clients.make.rows("SELECT slug FROM posts WHERE title = :t", t=title)]
        assert len(set(slugs)) == 4
        assert slugs.count(f"dark-mode-{number}") == 1
        assert all(slug.startswith(f"dark-mode-{number}") for slug in slugs)


async def test_concurrent_first_product_visions_are_all_saved(clients: ConcurrentClients) -> None:
    texts = ("title", "content", "needs", "product")
    for number in range(ROUNDS):
        await clients.send(clients.productlift("DELETE", "/product-vision"))

        responses = await clients.send(
            *(clients.productlift("POST", "/product-vision", {name: f"{name} {number}"}) for name in texts)
        )

        assert statuses(responses) == [200] * LANES
        stored = await clients.make.row(f"SELECT {', '.join(texts)}, vision FROM product_visions")
        assert stored == {name: f"{name} {number}" for name in texts} | {"vision": ""}


async def test_concurrent_requests_with_one_email_create_one_user(clients: ConcurrentClients) -> None:
    for number in range(ROUNDS):
        email = f"new{number}@example.com"
        ours = clients.astuto("POST", "/users", {"email": email.upper(), "full_name": "Jane Roe"})
        theirs = clients.productlift("POST", "/users", {"email": email, "role": "member"})

        responses = await clients.send(ours, theirs, ours, theirs)

        ((user, uuid),) = [row.values() for row in await clients.make.rows(
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
        assert await clients.count("facts WHERE kind = 'user.registered' AND subject_id = :u", u=user) == 1


async def test_a_unique_name_is_assigned_once_to_concurrent_requests(clients: ConcurrentClients) -> None:
    taken = {"message": "The given data was invalid.", "errors": {"name": ["The name has already been taken."]}}
    for number in range(ROUNDS):
        boards = await clients.send(*[clients.astuto("POST", "/boards", {"name": f"Ideas {number}"})] * LANES)
        categories = await clients.send(
            *(clients.productlift("POST", "/categories", {"name": name.format(number)}) for name in ("a{}", "A{}") * 2)
        )
        tags = await clients.send(
            *(clients.productlift("POST", "/tags", {"name": name.format(number)}) for name in ("a{}", "A{}") * 2)
        )
        groups = await clients.send(
            *(clients.productlift("POST", "/groups", {"name": name.format(number)}) for name in ("a{}", "A{}") * 2)
        )
        payload = {"name": f"Soon {number}", "tab_id": clients.make.tabs["roadmap"]}
        stages = await clients.send(*[clients.productlift("POST", "/statuses", payload)] * LANES)

        assert statuses(boards) == [201, 422, 422, 422]
        assert bodies(boards, 422) == [{"errors": ["Name is already in use"]}] * 3
        assert statuses(categories) == [200, 422, 422, 422]
        assert bodies(categories, 422) == [taken] * 3
        for labels in (tags, groups):
            assert statuses(labels) == [200, 422, 422, 422]
            assert bodies(labels, 422) == [taken] * 3
        assert statuses(stages) == [200, 422, 422, 422]
        assert bodies(stages, 422) == [taken] * 3


async def test_only_one_of_concurrent_approval_and_rejection_succeeds(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        sample = await clients.populate()

        responses = await clients.send(
            clients.astuto("PUT", f"/posts/{sample.pending}/approve"),
            clients.astuto("PUT", f"/posts/{sample.pending}/reject"),
            clients.productlift("POST", f"/moderation/approve/post/{sample.pending_code}"),
            clients.productlift("POST", f"/moderation/reject/post/{sample.pending_code}"),
        )

        assert statuses(responses) == [200, 422, 422, 422]
        first = [response.status_code for response in responses].index(200)
        state = ("approved", "rejected")[first % 2]
        assert await clients.make.value("SELECT moderation FROM posts WHERE id = :id", id=sample.pending) == state
        facts = "SELECT kind FROM facts WHERE post_id = :id AND kind IN ('post.approved', 'post.rejected')"
        assert await clients.make.rows(facts, id=sample.pending) == [{"kind": f"post.{state}"}]


async def test_only_one_of_several_concurrent_deletions_succeeds(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        sample = await clients.populate()
        for requests in (
            [clients.astuto("DELETE", f"/votes/{sample.vote}")] * 4,
            [clients.astuto("DELETE", f"/comments/{sample.comment}")] * 2
            + [clients.productlift("DELETE", f"/posts/{sample.code}/comments/{sample.comment}")] * 2,
            [clients.productlift("DELETE", f"/posts/{sample.code}"), clients.astuto("DELETE", f"/posts/{sample.post}")]
            * 2,
            [clients.productlift("DELETE", f"/categories/{sample.category}")] * 4,
            [clients.productlift("DELETE", f"/tags/{sample.tag}")] * 4,
            [clients.productlift("DELETE", f"/groups/{sample.group}")] * 4,
            [clients.productlift("DELETE", f"/statuses/{sample.status}")] * 4,
            [clients.productlift("DELETE", f"/sections/{sample.section}")] * 4,
            [clients.productlift("DELETE", f"/users/{sample.uuid}", {"delete_all_data": True})] * 4,
            [clients.productlift("DELETE", f"/users/{sample.voter_uuid}")] * 4,
        ):
            assert statuses(await clients.send(*requests)) == [200, 404, 404, 404], requests[0][1:]
        deleted = "SELECT kind FROM facts WHERE kind = 'post.deleted' AND post_id = :id"
        assert len(await clients.make.rows(deleted, id=sample.post)) == 1


async def test_concurrent_status_changes_leave_a_history_without_gaps(clients: ConcurrentClients) -> None:
    planned, started = clients.make.statuses["Planned"], clients.make.statuses["In Progress"]
    for _ in range(ROUNDS):
        sample = await clients.populate()
        path = f"/posts/{sample.post}/update_status"

        responses = await clients.send(
            clients.astuto("PUT", path, {"post_status_id": started}),
            clients.astuto("PUT", path, {"post_status_id": sample.status}),
            clients.productlift("PATCH", f"/posts/{sample.code}", {"status_id": started}),
            clients.astuto("PUT", path, {"post_status_id": None}),
        )

        assert statuses(responses) == [200] * 4
        query = "SELECT status_id FROM status_changes WHERE post_id = :id ORDER BY id"
        history = [row["status_id"] for row in await clients.make.rows(query, id=sample.post)]
        assert history[0] == planned
        assert all(before != after for before, after in pairwise(history))
        assert await clients.make.value("SELECT status_id FROM posts WHERE id = :id", id=sample.post) == history[-1]


async def test_concurrent_updates_of_one_post_keep_counters_correct(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        sample, other = await clients.populate(), await clients.populate()
        path = f"/posts/{sample.code}"

        responses = await clients.send(
            clients.productlift("PATCH", path, {"category_id": other.category, "user_id": other.uuid}),
            clients.productlift("PATCH", path, {"user_id": None, "section_id": other.section}),
            clients.astuto("PUT", f"/posts/{sample.post}/update_board", {"board_id": sample.board}),
            clients.productlift("PATCH", path, {"category_id": None, "section_id": sample.section}),
        )

        assert statuses(responses) == [200] * 4


async def test_a_post_can_be_created_during_the_deletion_of_its_references(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        sample = await clients.populate()
        payload = {"title": "A late one", "category_id": sample.category, "section_id": sample.section}

        responses = await clients.send(
            clients.productlift("POST", "/posts", payload | {"status_id": sample.status}),
            clients.productlift("DELETE", f"/categories/{sample.category}"),
            clients.productlift("DELETE", f"/statuses/{sample.status}"),
            clients.productlift("DELETE", f"/sections/{sample.section}"),
        )

        assert statuses(responses)[:3] == [200] * 3
        assert responses[0].status_code == 200, responses[0].text


async def test_a_user_can_be_deleted_during_its_writes(clients: ConcurrentClients) -> None:
    for number in range(ROUNDS):
        sample = await clients.populate()

        deleted, *responses = await clients.send(
            clients.productlift("DELETE", f"/users/{sample.voter_uuid}", {"delete_all_data": number % 2 == 0}),
            clients.productlift("POST", "/posts", {"title": "My last one", "user_id": sample.voter_uuid}),
            clients.productlift("POST", f"/posts/{sample.code}/votes/{sample.voter_uuid}"),
            clients.astuto(
                "POST", "/comments", {"post_id": sample.post, "body": "Bye", "impersonated_user_id": sample.voter}
            ),
        )

        assert deleted.status_code == 200
        unknown = {"message": f"No query results for model [App\\User] {sample.voter_uuid}"}
        for response in responses[:2]:
            if response.status_code != 200:
                assert (response.status_code, response.json()) == (404, unknown)
        assert responses[2].status_code == 201


async def test_a_thread_can_be_deleted_during_replies(clients: ConcurrentClients) -> None:
    for number in range(ROUNDS):
        sample, other = await clients.populate(), await clients.populate()
        if number % 2:
            deleting = clients.astuto("DELETE", f"/comments/{sample.comment}")
        else:
            deleting = clients.productlift("DELETE", f"/posts/{sample.code}/comments/{sample.comment}")
        reply = {"body": "But", "parent_id": sample.comment}

        deleted, *responses = await clients.send(
            deleting,
            clients.astuto("POST", "/comments", reply | {"post_id": sample.post}),
            clients.astuto("POST", "/comments", reply | {"post_id": other.post}),
            clients.productlift(
                "POST", f"/posts/{sample.code}/comments", {"comment": "But", "parent_id": sample.comment}
            ),
        )

        assert deleted.status_code == 200
        assert all(response.status_code in (200, 201, 400, 404) for response in responses)
        assert await clients.count("comments WHERE parent_id = :c", c=sample.comment) == 0


@pytest.mark.parametrize("seed", range(2))
async def test_random_concurrent_writes_keep_every_counter_correct(clients: ConcurrentClients, seed: int) -> None:
    generator = RequestGenerator(seed, clients.make)
    for _ in range(2):
        await clients.populate()
    responded = []
    for _ in range(25):
        await generator.refresh()

        responses = await clients.send(*(clients.request(*generator.request()) for _ in range(LANES)))

        responded += [response.status_code for response in responses]
    assert sum(status < 300 for status in responded) > len(responded) // 3

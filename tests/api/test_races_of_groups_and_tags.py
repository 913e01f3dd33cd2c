"""Concurrent changes of groups and tags: no member or tag is left of what is deleted meanwhile."""

from tests.support.concurrency import statuses
from tests.support.concurrent_clients import LANES, ROUNDS, ConcurrentClients, bodies


async def test_a_user_can_be_added_to_a_group_several_times_at_once(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        sample = await clients.populate()
        path = f"/groups/{sample.group}/users/{sample.voter_uuid}"

        responses = await clients.send(*[clients.productlift("POST", path)] * LANES)

        added = {"success": True, "group": str(sample.group), "user": sample.voter_uuid}
        assert bodies(responses, 200) == [added] * LANES
        assert await clients.count("group_members WHERE user_id = :u", u=sample.voter) == 1


async def test_no_member_is_left_of_a_group_that_is_deleted_meanwhile(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS * 2):
        sample = await clients.populate()
        path = f"/groups/{sample.group}"
        owner = await clients.make.uuid(sample.owner)

        deleted, *responses = await clients.send(
            clients.productlift("DELETE", path),
            clients.productlift("POST", f"{path}/users/{sample.voter_uuid}"),
            clients.productlift("POST", f"{path}/users/{owner}"),
            clients.productlift("DELETE", f"{path}/users/{sample.uuid}"),
        )

        assert deleted.status_code == 200
        missing = {"message": f"No query results for model [App\\Group] {sample.group}"}
        assert all(
            response.status_code == 200 or (response.status_code, response.json()) == (404, missing)
            for response in responses
        )
        assert await clients.count("group_members WHERE group_id = :g", g=sample.group) == 0


async def test_a_user_that_is_deleted_meanwhile_is_no_member(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS * 2):
        sample, other = await clients.populate(), await clients.populate()

        deleted, *responses = await clients.send(
            clients.productlift("DELETE", f"/users/{sample.voter_uuid}"),
            clients.productlift("POST", f"/groups/{sample.group}/users/{sample.voter_uuid}"),
            clients.productlift("POST", f"/groups/{other.group}/users/{sample.voter_uuid}"),
            clients.productlift("PATCH", f"/groups/{other.group}", {"name": f"Renamed {other.group}"}),
        )

        assert deleted.status_code == responses[2].status_code == 200
        missing = {"message": f"No query results for model [App\\User] {sample.voter_uuid}"}
        assert all(
            response.status_code == 200 or (response.status_code, response.json()) == (404, missing)
            for response in responses
        )
        assert await clients.count("group_members WHERE user_id = :u", u=sample.voter) == 0


async def test_a_tag_can_be_deleted_while_posts_get_it(clients: ConcurrentClients) -> None:
    for _ in range(ROUNDS):
        sample, other = await clients.populate(), await clients.populate()

        deleted, *responses = await clients.send(
            clients.productlift("DELETE", f"/tags/{sample.tag}"),
            clients.productlift("POST", "/posts", {"title": "A late one", "tag_ids": [sample.tag, other.tag]}),
            clients.productlift("PATCH", f"/posts/{other.code}", {"tag_ids": [sample.tag]}),
            clients.productlift("PATCH", f"/posts/{sample.code}", {"tag_ids": [other.tag]}),
        )

        assert deleted.status_code == 200
        assert statuses(responses) == [200] * 3
        assert await clients.count("post_tags WHERE tag_id = :t", t=sample.tag) == 0
        # Of the two posts that keep the other tag, both have it.
        assert await clients.count("post_tags WHERE tag_id = :t", t=other.tag) == 2


async def test_concurrent_updates_of_the_tags_of_a_post_replace_each_other(clients: ConcurrentClients) -> None:
    sample = await clients.populate()
    tags = [await clients.make.tag(f"Tag {number}") for number in range(LANES)]
    for _ in range(ROUNDS):
        responses = await clients.send(
            *(clients.productlift("PATCH", f"/posts/{sample.code}", {"tag_ids": [tag]}) for tag in tags)
        )

        assert statuses(responses) == [200] * LANES
        assert await clients.count("post_tags WHERE post_id = :p", p=sample.post) == 1

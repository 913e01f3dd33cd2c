"""The expected counters, counted from the rows in plain SQL."""

from typing import Any

from tests.support.factory import Factory

_COUNTED = {
    "posts.votes_count": "SELECT id, votes_count, (SELECT count(*) FROM votes WHERE post_id = posts.id) FROM posts",
    "posts.comments_count": "SELECT id, comments_count, (SELECT count(*) FROM comments WHERE post_id = posts.id "
    "AND NOT internal) FROM posts",
    "posts.tags_count": "SELECT id, tags_count, (SELECT count(*) FROM post_tags WHERE post_id = posts.id) FROM posts",
    "users.posts_count": "SELECT id, posts_count, (SELECT count(*) FROM posts WHERE user_id = users.id) FROM users",
    "users.votes_count": "SELECT id, votes_count, (SELECT count(*) FROM votes WHERE user_id = users.id) FROM users",
    "users.comments_count": "SELECT id, comments_count, (SELECT count(*) FROM comments WHERE user_id = users.id "
    "AND NOT internal) FROM users",
}
_BELONGS = {
    "portal": "SELECT portal_id, 0 AS ref, 0 AS status, 0 AS section, count(*) FROM posts GROUP BY portal_id",
    "board": "SELECT portal_id, board_id, 0 AS status, 0 AS section, count(*) FROM posts GROUP BY portal_id, board_id",
    "status": "SELECT portal_id, 0 AS ref, coalesce(status_id, 0) AS status, coalesce(section_id, 0) AS section, "
    "count(*) FROM posts "
    "GROUP BY portal_id, status_id, section_id",
    "category": "SELECT portal_id, category_id, coalesce(status_id, 0) AS status, coalesce(section_id, 0) AS section, "
    "count(*) FROM posts "
    "JOIN post_categories ON post_id = posts.id GROUP BY portal_id, category_id, status_id, section_id",
}
_TALLIES = (
    "SELECT portal_id, kind, ref_id, status_id, section_id, sum(posts) FROM tallies "
    "GROUP BY portal_id, kind, ref_id, status_id, section_id"
)


async def counter_mismatches(make: Factory) -> list[Any]:
    """Every stored number that differs from a recount: its name, the row's id, stored, counted."""
    mismatches: list[Any] = []
    for name, query in _COUNTED.items():
        for row in await make.rows(query):
            row_id, stored, counted = row.values()
            if stored != counted:
                mismatches.append((name, row_id, stored, counted))
    stored_tallies = {tuple(row.values())[:5]: int(tuple(row.values())[5]) for row in await make.rows(_TALLIES)}
    counted_tallies = {}
    for kind, query in _BELONGS.items():
        for row in await make.rows(query):
            portal, *key_columns, posts = row.values()
            counted_tallies[portal, kind, *key_columns] = posts
    for key in stored_tallies.keys() | counted_tallies.keys():
        stored, counted = stored_tallies.get(key, 0), counted_tallies.get(key, 0)
        if stored != counted:
            mismatches.append((*key, stored, counted))
    return mismatches

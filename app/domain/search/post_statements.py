"""The statements of the search for posts that differ by engine: see `app.domain.search.posts`.

Each finds posts by one of these shapes of a query, and takes the parameters of that shape:

`sqlite`, `postgresql`: any query, as a search term of the engine (`query`).
`postgresql 1` to `postgresql 6`: posts that have, for each of so many words, one of its forms (`word_0` and so on, the
forms separated by spaces). PostgreSQL finds them in half the time by another index of the same words.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, bindparam, text

from app.domain.models.search import MARK, TEXT_SEARCH_CONFIG
from app.domain.search.terms import MAX_WORDS
from app.domain.sql.statement import POSTGRESQL, SQLITE, Statement

MAX_FEW: Final = 1000
"""Matches whose ids are all read."""
MAX_TITLES: Final = 1000
"""Titles with all words, the newest, from which those to rank are chosen."""
MAX_TITLES_PER_WORD: Final = 300
"""Titles of each word, the newest, from which the further ones are chosen. It is also the most that a word's rarity
depends on. Reading the length of a title takes as long as counting ten posts."""


def shape_of_words(count: int) -> str:
    """The shape of a query of so many words, on PostgreSQL."""
    return f"{POSTGRESQL} {count}"


def _titles_source(engine: str, term: str, limit: int) -> str:
    """The ids and lengths of titles that match an expression of the statement."""
    if engine == SQLITE:
        # The + keeps SQLite from an index on the portal, which would list all its posts for each word.
        return f"""(
          SELECT json_array(json_group_array(posts.id), json_group_array(length(posts.title))) FROM (
            SELECT rowid AS post_id FROM post_search WHERE post_search MATCH {term} ORDER BY rowid DESC LIMIT {limit}
          ) AS matching JOIN posts ON posts.id = post_id WHERE +posts.portal_id = :portal
        )"""  # noqa: S608 - constants only
    return f"""(
      SELECT CAST(json_build_array(coalesce(json_agg(post_id), '[]'), coalesce(json_agg(length), '[]')) AS TEXT)
      FROM (
        SELECT post_id, length(title) AS length FROM post_search
        WHERE portal_id = :portal AND title @@ to_tsquery('{TEXT_SEARCH_CONFIG}', {term})
        ORDER BY post_id DESC LIMIT {limit}
      ) AS matching
    )"""  # noqa: S608 - constants only


# The titles with all words, then those of each word.
_TITLES: Final = {
    SQLITE: f"""
        SELECT 0 AS place, {_titles_source(SQLITE, ":query", MAX_TITLES)} AS titles
        UNION ALL SELECT 1 + word.key, {_titles_source(SQLITE, "word.value", MAX_TITLES_PER_WORD)}
        FROM json_each(:words) AS word ORDER BY place
    """,  # noqa: S608 - constants only
    POSTGRESQL: f"""
        SELECT 0 AS place, {_titles_source(POSTGRESQL, ":query", MAX_TITLES)} AS titles
        UNION ALL SELECT word.place, {_titles_source(POSTGRESQL, "word.value", MAX_TITLES_PER_WORD)}
        FROM unnest(CAST(:words AS TEXT[])) WITH ORDINALITY AS word (value, place) ORDER BY place
    """,  # noqa: S608 - constants only
}
# A mark is a word of each post of the portal, which takes as long to find as the most common word. So it is left out
# while no other portal has posts.
_QUERY_OF_PORTAL: Final = f"""
    CASE
      WHEN EXISTS (SELECT 1 FROM posts WHERE portal_id < :portal)
        OR EXISTS (SELECT 1 FROM posts WHERE portal_id > :portal)
      THEN '"{MARK}p' || :portal || '" AND (' || :query || ')'
      ELSE :query
    END
"""  # noqa: S608 - constants only


def _match_on_postgresql(has_words: str) -> str:
    return f"""
        portal_id = :portal AND {has_words}
        AND (:any_status OR status_id = ANY (CAST(:statuses AS BIGINT[])))
        AND hidden <= :visibility
    """


def _match_words(count: int) -> str:
    lexemes = "tsvector_to_array(to_tsvector('{config}', :word_{number}))"
    return " AND ".join(
        f"tsvector_to_array(words) && {lexemes.format(config=TEXT_SEARCH_CONFIG, number=number)}"
        for number in range(count)
    )


_IS_MATCH: Final = {
    SQLITE: f"post_search_texts MATCH {_QUERY_OF_PORTAL}",
    # The index has no positions; PostgreSQL would demand the parts of a word that it splits in their order.
    POSTGRESQL: _match_on_postgresql(
        f"words @@ CAST(replace(CAST(to_tsquery('{TEXT_SEARCH_CONFIG}', :query) AS TEXT), '<->', '&') AS TSQUERY)"
    ),
    **{shape_of_words(count): _match_on_postgresql(_match_words(count)) for count in range(1, MAX_WORDS + 1)},
}


def _few_source(shape: str, is_match: str) -> str:
    if shape == SQLITE:
        return f"""
            SELECT count(*), json_group_array(post_id) FROM (
              SELECT rowid AS post_id FROM post_search_texts WHERE {is_match} ORDER BY rowid DESC LIMIT {MAX_FEW + 1}
            ) AS matching
        """  # noqa: S608 - constants only
    return f"""
        SELECT count(*), CASE WHEN count(*) <= {MAX_FEW} THEN (
          SELECT CAST(json_agg(post_id ORDER BY post_id DESC) AS TEXT) FROM post_search_texts WHERE {is_match}
        ) END
        FROM post_search_texts WHERE {is_match}
    """  # noqa: S608 - constants only


def _page_source(shape: str, is_match: str, direction: str) -> str:
    # The + keeps PostgreSQL from reading all posts in the order of their ids.
    key, order = ("rowid", "rowid") if shape == SQLITE else ("post_id", "post_id + 0")
    return f"""
        SELECT {key} FROM post_search_texts WHERE {is_match} ORDER BY {order} {direction} LIMIT :limit OFFSET :offset
    """  # noqa: S608 - constants only


def _statement(source: str) -> Statement:
    types = {"portal": BigInteger, "any_status": Boolean}
    return Statement(
        text(source).bindparams(*(bindparam(name, type_=types[name]) for name in types if f":{name}" in source))
    )


FIND_TITLES: Final = {engine: _statement(source) for engine, source in _TITLES.items()}
FIND_FEW: Final = {shape: _statement(_few_source(shape, is_match)) for shape, is_match in _IS_MATCH.items()}
"""The number of matches, and their ids as JSON, the newest first.

SQLite: at most MAX_FEW + 1, the newest, which it finds without the others. PostgreSQL: the number of all, and the ids
only if they are at most MAX_FEW.
"""
COUNT: Final = _statement(f"SELECT count(*) FROM post_search_texts WHERE {_IS_MATCH[SQLITE]}")  # noqa: S608
"""The number of all matches, on SQLite."""
FIND_NEWEST: Final = {shape: _statement(_page_source(shape, each, "DESC")) for shape, each in _IS_MATCH.items()}
FIND_OLDEST: Final = {shape: _statement(_page_source(shape, each, "ASC")) for shape, each in _IS_MATCH.items()}
# OFFSET keeps PostgreSQL from the index of the words.
FIND_OF_POSTS: Final = _statement(
    f"""
    SELECT post_id FROM (
      SELECT post_id, words, portal_id, status_id, hidden FROM post_search_texts
      WHERE post_id = ANY (CAST(:posts AS BIGINT[])) OFFSET 0
    ) AS given WHERE {_IS_MATCH[POSTGRESQL]}
    """  # noqa: S608 - constants only
)
"""Those of some posts that match, on PostgreSQL."""
FIND_OF_NEWEST: Final = _statement(
    f"""
    SELECT post_id FROM (
      SELECT post_id, words, portal_id, status_id, hidden FROM post_search_texts
      WHERE portal_id = :portal ORDER BY post_id DESC LIMIT {MAX_FEW}
    ) AS newest WHERE {_IS_MATCH[POSTGRESQL]} ORDER BY post_id DESC
    """  # noqa: S608 - constants only
)
"""Those of the MAX_FEW newest posts of the portal that match, on PostgreSQL."""

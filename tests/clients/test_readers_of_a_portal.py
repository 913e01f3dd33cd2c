"""Two programs that read a whole portal as customers' programs do: one with a key, one that reads the public JSON."""

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import pytest

from tests.clients.conftest import Clients
from tests.support.commands import Earshot
from tests.support.servers import Postgres
from tests.support.sql import rows

_numbers = count()

# Ten posts a page, six requests at once, and it waits as long as a 429 says.
READ_WITH_KEY = """
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import requests

LIMIT = 10
waits = []


def get(path, **params):
    while True:
        response = requests.get(
            '{PORTAL-URL}/api/v1' + path,
            params=params,
            headers={'Authorization': 'Bearer {AUTH_KEY}', 'Accept': 'application/json'},
        )
        if response.status_code != 429:
            response.raise_for_status()
            return response.json()
        seconds = int(response.headers['retry-after'])
        if seconds > 60:
            raise SystemExit('asked to wait too long')
        waits.append(seconds)
        time.sleep(seconds)


first = get('/posts', limit=LIMIT, skip=0)
with ThreadPoolExecutor(6) as pool:
    pages = pool.map(lambda skip: get('/posts', limit=LIMIT, skip=skip), range(LIMIT, first['total'], LIMIT))
    posts = first['data'] + [post for page in pages for post in page['data']]
    commented = [post for post in posts if post['comments_count']]
    threads = list(pool.map(lambda post: get('/posts/' + post['id'] + '/comments')['data'], commented))

categories = Counter(post['category']['name'] for post in posts if post['category'] is not None)
comments = [comment for thread in threads for comment in thread]
print(json.dumps({
    'total': first['total'],
    'ids': sorted(post['id'] for post in posts),
    'categories': sorted(categories.items()),
    'without_category': sum(post['category'] is None for post in posts),
    'counted_comments': sum(post['comments_count'] for post in posts),
    'comments': sorted(comment['id'] for comment in comments if not comment['internal']),
    'internal_comments': sorted(comment['id'] for comment in comments if comment['internal']),
    'votes': sum(post['votes_count'] for post in posts),
    'waits': len(waits),
}))
"""

ADD_INTERNAL_COMMENT = """
curl --silent {PORTAL-URL}/api/v1/posts/{post}/comments -H 'Authorization: Bearer {AUTH_KEY}' \
    -d 'comment=For the team' -d internal=1
"""

FIRST_CATEGORY = """
    (SELECT categories.name FROM post_categories JOIN categories ON categories.id = post_categories.category_id
     WHERE post_categories.post_id = posts.id ORDER BY categories.id LIMIT 1)
"""


class Portal(NamedTuple):
    """A served sample portal."""

    clients: Clients
    database: str

    def column(self, query: str) -> list[Any]:
        """The first column of the rows of a query."""
        return [row[0] for row in rows(self.database, query)]


@pytest.fixture(scope="module")
def served(engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """`earshot serve --demo` with limits that a program reaches in a second."""
    folder, name = tmp_path_factory.mktemp("served"), f"readers_{next(_numbers)}"
    url = f"sqlite:///{folder}/data/earshot.db"
    if engine == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.create(name)
    limits = dict.fromkeys(("EARSHOT_LIMIT_PRODUCTLIFT", "EARSHOT_LIMIT_PUBLIC_JSON"), "20/second")
    settings = limits | {"EARSHOT_DATABASE_URL": url}
    with Earshot(folder, tmp_path_factory.mktemp("compiled"), settings).serving("--demo") as serving:
        lines = dict(found for line in serving.output.splitlines() if len(found := line.split(maxsplit=1)) == 2)
        yield Portal(Clients(lines["address"].split()[0], lines["ProductLift"], folder), url)
    if engine == "postgresql":
        postgres.drop(name)


def first_categories(portal: Portal, condition: str = "true") -> tuple[list[list[Any]], int]:
    """Each category with the number of posts whose first one it is, and the number of posts without one."""
    names = portal.column(f"SELECT {FIRST_CATEGORY} FROM posts WHERE {condition}")
    found = sorted({name for name in names if name is not None})
    return [[name, names.count(name)] for name in found], names.count(None)


def test_a_program_with_a_key_reads_every_post_category_and_comment(served: Portal) -> None:
    post = served.column("SELECT code FROM posts WHERE comments_count > 1 ORDER BY id")[0]
    internal = served.clients.curl(ADD_INTERNAL_COMMENT, post=post)["data"]["id"]

    read = served.clients.python(READ_WITH_KEY)

    ids = served.column("SELECT code FROM posts")
    categories, without = first_categories(served)
    assert (read["total"], read["ids"]) == (len(ids), sorted(ids))
    assert (read["categories"], read["without_category"]) == (categories, without)
    assert read["comments"] == sorted(served.column("SELECT id FROM comments WHERE NOT internal"))
    assert read["counted_comments"] == len(read["comments"])
    assert read["internal_comments"] == [internal]
    assert read["votes"] == served.column("SELECT count(*) FROM votes")[0]
    assert read["waits"] > 0
    assert categories
    assert without


# What a customer's server reads from the portal's own JSON, without a key.
READ_WITHOUT_KEY = """
import json
import time
from collections import Counter

import requests

LIMIT = 25
posts, skip = [], 0
while True:
    response = requests.get('{PORTAL-URL}/http_api/posts', params={'limit': LIMIT, 'skip': skip})
    if response.status_code == 429:
        time.sleep(int(response.headers['retry-after']))
        continue
    response.raise_for_status()
    page = response.json()
    posts += page['data']
    skip += LIMIT
    if skip >= page['total']:
        break

texts = ('id', 'title', 'description_short', 'description', 'clean_description_changelog', 'updated_at', 'url')
for post in posts:
    assert all(isinstance(post[name], str) for name in texts), post
    assert post['category'] is None or isinstance(post['category']['name'], str)

print(json.dumps({
    'total': page['total'],
    'ids': sorted(post['id'] for post in posts),
    'categories': sorted(Counter(post['category']['name'] for post in posts if post['category']).items()),
    'without_category': sum(post['category'] is None for post in posts),
    'statuses': sorted(Counter(post['status']['name'] for post in posts).items()),
    'votes': sum(post['votes_count'] for post in posts),
    'comments': sum(post['comments_count'] for post in posts),
}))
"""

PUBLIC = "moderation = 'approved' AND published AND status_id IS NOT NULL"


def test_a_program_without_a_key_reads_every_public_post(served: Portal) -> None:
    read = served.clients.python(READ_WITHOUT_KEY)

    ids = served.column(f"SELECT code FROM posts WHERE {PUBLIC}")
    categories, without = first_categories(served, PUBLIC)
    statuses = served.column(
        f"SELECT name FROM statuses JOIN (SELECT status_id FROM posts WHERE {PUBLIC}) AS public"
        " ON public.status_id = statuses.id"
    )
    assert (read["total"], read["ids"]) == (len(ids), sorted(ids))
    assert len(ids) < len(served.column("SELECT code FROM posts"))
    assert (read["categories"], read["without_category"]) == (categories, without)
    assert read["statuses"] == [[name, statuses.count(name)] for name in sorted(set(statuses))]
    sums = f"FROM posts WHERE {PUBLIC}"
    assert read["votes"] == served.column(f"SELECT sum(votes_count) {sums}")[0]
    assert read["comments"] == served.column(f"SELECT sum(comments_count) {sums}")[0]

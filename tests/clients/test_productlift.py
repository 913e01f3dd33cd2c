"""The samples of ProductLift's reference, run as they are written: only address and key are filled in."""

from pathlib import Path

from PIL import Image

from tests.clients.conftest import Clients

# In one line, for curl refuses line breaks in an address, and that is where it puts this.
LIST_WITH_CURL = r"""
curl --request GET \
    --get "{PORTAL-URL}/api/v1/posts" \
    --header "Authorization: Bearer {AUTH_KEY}" \
    --header "Content-Type: application/json" \
    --header "Accept: application/json" \
    --data "{\"limit\":62,\"skip\":17,\"order_by\":\"votes_count\",\"order_direction\":\"asc\"}"
"""
LIST_IN_ONE_LINE = (
    """curl --silent --get --data '{"limit":62}' -H 'Authorization: Bearer {AUTH_KEY}' {PORTAL-URL}/api/v1/posts"""
)
LIST_WITH_PARAMETERS = """
curl --silent --get {PORTAL-URL}/api/v1/posts -H 'Authorization: Bearer {AUTH_KEY}' \
    --data limit=3 --data 'status[]=1' --data 'status[]=2' --data order_by=title
"""
LIST_WITH_BODY = """
curl --silent --request GET {PORTAL-URL}/api/v1/posts --header 'Authorization: Bearer {AUTH_KEY}' \
    --header 'Content-Type: application/json' --data '{"limit":7,"skip":1}'
"""
CREATE_WITH_CURL = r"""
curl --silent --request POST \
    "{PORTAL-URL}/api/v1/posts" \
    --header "Authorization: Bearer {AUTH_KEY}" \
    --header "Content-Type: multipart/form-data" \
    --header "Accept: application/json" \
    --form "title=My title" \
    --form "description=Minima ut" \
    --form "image=@{file}"
"""

LIST_IN_PYTHON = """
import requests
import json

url = '{PORTAL-URL}/api/v1/posts'
payload = {
    "limit": 62,
    "skip": 17,
    "order_by": "votes_count",
    "order_direction": "asc"
}
headers = {
  'Authorization': 'Bearer {AUTH_KEY}',
  'Content-Type': 'application/json',
  'Accept': 'application/json'
}

response = requests.request('GET', url, headers=headers, json=payload)
print(json.dumps(response.json()))
"""
CREATE_IN_PYTHON = """
import requests
import json

url = '{PORTAL-URL}/api/v1/posts'
files = {
  'title': (None, 'My title in Python'),
  'description': (None, 'Minima ut'),
  'image': open('{file}', 'rb')}
headers = {
  'Authorization': 'Bearer {AUTH_KEY}',
  'Content-Type': 'multipart/form-data',
  'Accept': 'application/json'
}

response = requests.request('POST', url, headers=headers, files=files)
print(json.dumps(response.json()))
"""
FIND_IN_PYTHON = """
import requests
import json

url = '{PORTAL-URL}/api/v1/users/find_by_email'
payload = {
    "email": "owner@example.com"
}
headers = {
  'Authorization': 'Bearer {AUTH_KEY}',
  'Content-Type': 'application/json',
  'Accept': 'application/json'
}

response = requests.request('GET', url, headers=headers, json=payload)
print(json.dumps(response.json()))
"""
DELETE_IN_PYTHON = """
import requests
import json

url = '{PORTAL-URL}/api/v1/users/{user}'
payload = {
    "delete_all_data": true_
}
headers = {
  'Authorization': 'Bearer {AUTH_KEY}',
  'Content-Type': 'application/json',
  'Accept': 'application/json'
}

response = requests.request('DELETE', url, headers=headers, json=payload)
print(json.dumps(response.json()))
""".replace("true_", "True")

LIST_IN_NODE = """
const url = new URL(
    "{PORTAL-URL}/api/v1/posts"
);

const params = {
    "limit": "5",
    "skip": "2",
};
Object.keys(params)
    .forEach(key => url.searchParams.append(key, params[key]));

const headers = {
    "Authorization": "Bearer {AUTH_KEY}",
    "Content-Type": "application/json",
    "Accept": "application/json",
};

fetch(url, {
    method: "GET",
    headers,
}).then(response => response.json()).then(answer => console.log(JSON.stringify(answer)));
"""
CREATE_IN_NODE = """
const url = new URL(
    "{PORTAL-URL}/api/v1/posts"
);

const headers = {
    "Authorization": "Bearer {AUTH_KEY}",
    "Content-Type": "multipart/form-data",
    "Accept": "application/json",
};

const body = new FormData();
body.append('title', 'My title in Node');
body.append('description', 'Minima ut');
body.append('image', new Blob([(await import('node:fs')).readFileSync('{file}')]), 'picture.png');

fetch(url, {
    method: "POST",
    headers,
    body,
}).then(response => response.json()).then(answer => console.log(JSON.stringify(answer)));
"""
CHANGE_IN_NODE = """
const url = new URL(
    "{PORTAL-URL}/api/v1/posts/{post}"
);

const headers = {
    "Authorization": "Bearer {AUTH_KEY}",
    "Content-Type": "application/json",
    "Accept": "application/json",
};

let body = {
    "title": "Another title",
    "user_id": null
};

fetch(url, {
    method: "PATCH",
    headers,
    body: JSON.stringify(body),
}).then(response => response.json()).then(answer => console.log(JSON.stringify(answer)));
"""
VOTE_IN_NODE = """
const url = new URL(
    "{PORTAL-URL}/api/v1/posts/{post}/votes/{user}"
);

const headers = {
    "Authorization": "Bearer {AUTH_KEY}",
    "Content-Type": "application/json",
    "Accept": "application/json",
};

fetch(url, {
    method: "{method}",
    headers,
}).then(response => response.json()).then(answer => console.log(JSON.stringify(answer)));
"""


def picture(folder: Path) -> str:
    path = folder / "picture.png"
    Image.new("RGB", (3, 2), "#a1b2c3").save(path)
    return str(path)


def test_json_that_curl_sends_in_the_query_is_ignored(productlift: Clients) -> None:
    for sample in (LIST_WITH_CURL, LIST_IN_ONE_LINE):
        response = productlift.curl(sample)

        assert list(response) == ["data", "hasMore", "total", "skip", "limit"]
        assert (response["skip"], response["limit"], len(response["data"]), response["hasMore"]) == (0, 10, 10, True)


def test_curl_lists_with_parameters_in_the_query_and_in_a_body(productlift: Clients) -> None:
    queried, posted = productlift.curl(LIST_WITH_PARAMETERS), productlift.curl(LIST_WITH_BODY)

    assert (queried["skip"], queried["limit"], len(queried["data"])) == (0, 3, 3)
    titles = [post["title"] for post in queried["data"]]
    assert titles == sorted(titles)
    assert (posted["skip"], posted["limit"], len(posted["data"])) == (1, 7, 7)


def test_requests_lists_with_a_json_body_on_get(productlift: Clients) -> None:
    response = productlift.python(LIST_IN_PYTHON)

    assert (response["skip"], response["limit"], len(response["data"])) == (17, 62, 62)
    votes = [post["votes_count"] for post in response["data"]]
    assert votes == sorted(votes)


def test_requests_finds_a_user_with_a_json_body_on_get(productlift: Clients) -> None:
    assert productlift.python(FIND_IN_PYTHON)["data"]["email"] == "owner@example.com"


def test_fetch_lists_with_a_query(productlift: Clients) -> None:
    response = productlift.node(LIST_IN_NODE)

    assert (response["skip"], response["limit"], len(response["data"])) == (2, 5, 5)


def test_a_post_with_an_image_is_created_without_a_boundary(productlift: Clients, tmp_path: Path) -> None:
    file = picture(tmp_path)
    for run, sample, title in (
        (productlift.curl, CREATE_WITH_CURL, "My title"),
        (productlift.python, CREATE_IN_PYTHON, "My title in Python"),
        (productlift.node, CREATE_IN_NODE, "My title in Node"),
    ):
        post = run(sample, file=file)["data"]

        assert (post["title"], post["description"]) == (title, "Minima ut")
        assert post["image_main"].startswith(f"{productlift.address}/files/")
        kept = f"curl --silent --output kept.png --write-out '\"%{{content_type}}\"' {post['image_main']}"
        assert productlift.curl(kept) == "image/png"
        with Image.open(tmp_path / "kept.png") as kept_picture:
            assert kept_picture.size == (3, 2)


def test_fetch_changes_a_post_and_votes_for_it(productlift: Clients) -> None:
    made = productlift.curl(
        "curl --silent {PORTAL-URL}/api/v1/posts -H 'Authorization: Bearer {AUTH_KEY}' -d 'title=Dark mode'"
    )
    post, author = made["data"]["id"], made["data"]["author"]["id"]

    changed = productlift.node(CHANGE_IN_NODE, post=post)["data"]
    voted = productlift.node(VOTE_IN_NODE, post=post, user=author, method="POST")["data"]
    again = productlift.node(VOTE_IN_NODE, post=post, user=author, method="POST")
    gone = productlift.node(VOTE_IN_NODE, post=post, user=author, method="DELETE")

    assert (changed["title"], changed["author"]) == ("Another title", None)
    assert voted["voter"]["id"] == author
    assert again == {"message": "User has already voted."}
    assert gone == {}


def test_requests_deletes_a_user_with_a_json_body(productlift: Clients) -> None:
    made = productlift.curl(
        "curl --silent {PORTAL-URL}/api/v1/users -H 'Authorization: Bearer {AUTH_KEY}' "
        '--json \'{"email": "gone@example.com", "role": "member"}\''
    )

    assert productlift.python(DELETE_IN_PYTHON, user=made["data"]["id"]) == {}
    missing = {"message": f"No query results for model [App\\User] {made['data']['id']}"}
    assert productlift.python(DELETE_IN_PYTHON, user=made["data"]["id"]) == missing

"""Addresses and headers of webhooks are shown without what may be a secret."""

import pytest

from app.domain.webhooks.masking import mask_headers, mask_url


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://hooks.example.com/earshot", "https://hooks.example.com/earshot"),
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("http://a.example:8080/a/b/", "http://a.example:8080/a/b/"),
        ("https://jane:pass@a.example/in", "https://•••@a.example/in"),
        ("https://a.example/in?key=abc&token=def&x", "https://a.example/in?key=•••&token=•••&x"),
        ("https://a.example/in?abc", "https://a.example/in?•••"),
        ("https://a.example/in?", "https://a.example/in?"),
        ("https://a.example/in#abc", "https://a.example/in#•••"),
        ("https://a.example/in?key=a#b", "https://a.example/in?key=•••#•••"),
        (
            "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
            "https://hooks.slack.com/services/T00000000/B00000000/•••",
        ),
        ("https://discord.com/api/webhooks/112233445566778899/abc-DEF_0123456789", "https://discord.com/api/webhooks/•••/•••"),
        ("https://api.trello.com/1/cards?key=k&token=t&name={{ post.title }}", "https://api.trello.com/1/cards?key=•••&token=•••&name=•••"),
        ("https://a.example/in/abc%2Fdef%2Fghi%2Fjkl/x", "https://a.example/in/•••/x"),
        ("https://a.example/a-b-c-d-{{ post.slug }}-e-f-g-h", "https://a.example/a-b-c-d-{{ post.slug }}-e-f-g-h"),
        ("https://chat.example.com/hooks/abcdefghijkl", "https://chat.example.com/hooks/•••"),
        ("https://hooks.slack.com/services/T0AB/B012/KEYKEYkey123", "https://hooks.slack.com/services/T0AB/B012/•••"),
        ("https://discord.com/api/webhooks/123/SHORT_TOKEN/", "https://discord.com/api/webhooks/123/•••/"),
        ("https://a.example/hooks/k3y?a=b", "https://a.example/hooks/•••?a=•••"),
        ("https://a.example/in/new-post.php", "https://a.example/in/new-post.php"),
        ("https://a.example/{{ post.id }}/KEY{{ x }}", "https://a.example/{{ post.id }}/KEY{{ x }}"),
        ("https://a.example/{{ post.id }}/edit", "https://a.example/{{ post.id }}/edit"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_what_may_be_a_secret(url: str, masked: str) -> None:
    assert mask_url(url) == masked


def test_only_the_values_of_known_headers_are_shown() -> None:
    headers = {"Content-Type": "application/json", "AUTHORIZATION": "Basic abc", "X-GitHub-Api-Version": "2022-11-28"}

    assert mask_headers(headers) == {**headers, "AUTHORIZATION": "•••"}

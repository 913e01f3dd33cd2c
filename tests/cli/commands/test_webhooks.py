"""`earshot webhooks`: set up endpoints and secrets."""

import json
from pathlib import Path

import pytest

from app.adapters.encryption import SecretCipher
from app.domain.webhooks.validation import EVENTS
from tests.cli.conftest import Cli
from tests.cli.database import Rows
from tests.cli.webhooks import URL, create
from tests.conftest import SECRET


def decrypt(text: str) -> str:
    return SecretCipher(SECRET.encode()).decrypt(text)


def test_webhooks_are_created_listed_changed_and_deleted(cli: Cli) -> None:
    first = create(cli, "--description", "CRM", "--event", "vote.created", "--event", "post.created")
    second = create(
        cli,
        *("--method", "PUT", "--header", "Authorization: Bearer abc", "--header", "Content-Type: text/plain"),
        "--body-stdin",
        dialect="astuto",
        stdin="{{ post.title }}\n",
    )

    new_secret = first.pop("new_secret")
    assert second.pop("new_secret") is None
    assert first == {
        "id": 1,
        "dialect": "productlift",
        "description": "CRM",
        "url": URL,
        "events": ["post.created", "vote.created"],
        "method": "POST",
        "headers": None,
        "body": None,
        "signed_with": "the secret of the portal",
        "signature_header": "Signature",
        "signature_encoding": "hex",
        "enabled": True,
        "failures_in_a_row": 0,
        "disabled_at": None,
        "created_at": first["created_at"],
        "updated_at": first["updated_at"],
    }
    assert second == {
        **first,
        "id": 2,
        "dialect": "astuto",
        "description": None,
        "events": [],
        "method": "PUT",
        "headers": {"Authorization": "•••", "Content-Type": "text/plain"},
        "body": "{{ post.title }}\n",
        "signature_header": None,
        "signature_encoding": None,
        "created_at": second["created_at"],
        "updated_at": second["updated_at"],
    }
    assert cli.json("webhooks", "list") == {"webhooks": [first, second]}
    assert cli.json("webhooks", "show", "2") == second
    assert cli.json("webhooks", "secret") == {"secret": new_secret}

    edited = cli.json(
        *("webhooks", "edit", "1", "--all-events", "--description", "Old CRM", "--url", "http://b.example/?k=1"),
        *("--signature-header", "X-ProductLift-Signature", "--signature-encoding", "base64"),
    )
    assert edited == {
        **first,
        "description": "Old CRM",
        "url": "http://b.example/?k=•••",
        "events": [],
        "signature_header": "X-ProductLift-Signature",
        "signature_encoding": "base64",
        "updated_at": edited["updated_at"],
    }
    bare = cli.json("webhooks", "edit", "2", "--no-headers", "--no-body", "--event", "new_vote")
    assert (bare["headers"], bare["body"], bare["events"]) == (None, None, ["new_vote"])
    assert cli.json("webhooks", "delete", "1") == {"id": 1, "deleted": True}
    assert cli.json("webhooks", "list") == {"webhooks": [bare]}


def test_secrets_are_stored_encrypted_and_never_shown(cli: Cli, rows: Rows) -> None:
    key, token, secret = "k-1234567890", "Bearer t-1234567890", "s-1234567890"
    url = f"https://hooks.example.com/a?key={key}&id={{{{ post.id }}}}"
    cli.json("webhooks", "create", "--dialect", "astuto", "--url-stdin", stdin=f"{url}\n")
    cli.json("webhooks", "edit", "1", "--headers-stdin", stdin=json.dumps({"X-Api-Key": token}))
    cli.json("webhooks", "edit", "1", "--secret-stdin", stdin=f"{secret}\n")
    cli.json("webhooks", "edit", "1", "--body-stdin", stdin='{"title": "{{ post.title }}"}')

    (row,) = rows("SELECT * FROM webhooks")
    assert decrypt(row["url"]) == url
    assert json.loads(decrypt(row["headers"])) == {"X-Api-Key": token}
    assert decrypt(row["secret"]) == secret
    assert decrypt(row["body"]) == '{"title": "{{ post.title }}"}'
    for arguments in (("list",), ("show", "1"), ("list", "--json"), ("show", "1", "--json"), ("log", "1", "--json")):
        done = cli.run("webhooks", *arguments)
        assert done.code == 0
        assert not any(text in done.out + done.err for text in (key, token, secret))
    assert cli.json("webhooks", "show", "1")["url"] == "https://hooks.example.com/a?key=•••&id=•••"
    assert cli.json("webhooks", "show", "1")["signed_with"] == "its own secret"
    assert cli.json("webhooks", "edit", "1", "--portal-secret")["signed_with"] == "the secret of the portal"
    assert rows("SELECT secret FROM webhooks") == [{"secret": None}]


def test_the_secret_of_the_portal_is_made_once_and_can_be_replaced(cli: Cli, rows: Rows) -> None:
    first = cli.run("webhooks", "create", "--dialect", "productlift", "--url", URL)
    second = cli.run("webhooks", "create", "--dialect", "productlift", "--url", URL)

    secret = cli.json("webhooks", "secret")["secret"]
    assert first.out == f"webhook 1 was created\nsecret of the portal: {secret}\n"
    assert first.err == "earshot: the receiver checks the signatures with this secret\n"
    assert (second.out, second.err) == ("webhook 2 was created\n", "")
    assert secret.startswith("whsec_")
    assert len(secret) == len("whsec_") + 44
    assert [decrypt(row["webhook_secret"]) for row in rows("SELECT webhook_secret FROM portals")] == [secret]
    rotated = cli.json("webhooks", "secret", "--rotate")["secret"]
    assert rotated != secret == first.out.split()[-1]
    assert cli.json("webhooks", "secret")["secret"] == rotated
    assert cli.run("webhooks", "secret", "--stdin", stdin="the-former-secret\n").out == "the-former-secret\n"
    assert cli.json("webhooks", "secret") == {"secret": "the-former-secret"}
    assert cli.error("webhooks", "secret", "--stdin", stdin="short") == "secret must have 8 to 255 printable characters"
    assert cli.error("webhooks", "secret", "--stdin", stdin="whsec_?????") == (
        "secret begins with whsec_, so the rest must be Base64"
    )
    assert "not both" in cli.usage_error("webhooks", "secret", "--rotate", "--stdin")
    assert cli.json("webhooks", "secret") == {"secret": "the-former-secret"}


def test_a_webhook_with_its_own_secret_makes_none_for_the_portal(cli: Cli, rows: Rows) -> None:
    assert create(cli, "--secret-stdin", stdin="own-secret-123\n")["new_secret"] is None
    assert rows("SELECT webhook_secret FROM portals") == [{"webhook_secret": None}]

    cli.json("webhooks", "edit", "1", "--portal-secret")

    assert rows("SELECT webhook_secret FROM portals") != [{"webhook_secret": None}]


@pytest.mark.parametrize(
    ("dialect", "arguments", "message"),
    [
        ("productlift", ("--url", "ftp://a.example"), "url must be an address that begins with http:// or https://"),
        ("productlift", ("--url", "https://"), "url must be an address that begins with http:// or https://"),
        ("productlift", ("--url", "https://a.example/x y"), "url must be an address that begins with http"),
        ("productlift", ("--url", "https://a.example:99999"), "url must be an address that begins with http"),
        ("productlift", ("--url", "https://jane:pw@a.example"), "url must not contain a user and password"),
        ("productlift", ("--url", f"https://a.example/{'a' * 2000}"), "url must have at most 2000 characters"),
        ("astuto", ("--url", "{{ post.url }}"), "url must be an address that begins with http:// or https://"),
        ("astuto", ("--url", "https://jane:pw@a.example"), "url must not contain a user and password"),
        ("productlift", ("--event", "new_post"), "there is no event new_post: choose among post.created, post.deleted"),
        ("astuto", ("--event", "post.created"), "there is no event post.created: choose among new_post, new_post_"),
        ("productlift", ("--method", "PUT"), "--method is for webhooks of the dialect astuto only"),
        ("productlift", ("--header", "A: b"), "headers (--header, --headers-stdin) are for webhooks of the dialect as"),
        ("productlift", ("--body-stdin",), "a body (--body-file, --body-stdin) is for webhooks of the dialect astuto"),
        ("astuto", ("--signature-header", "X"), "--signature-header is for webhooks of the dialect productlift"),
        ("astuto", ("--signature-encoding", "hex"), "--signature-encoding is for webhooks of the dialect product"),
        ("productlift", ("--signature-header", "A B"), "signature header must be the name of a header"),
        ("productlift", ("--signature-header", "content-type"), "signature header must not be content-type, which"),
        ("productlift", ("--signature-header", "Host"), "signature header must not be Host, which the server sets"),
        ("astuto", ("--header", "A B: c"), "A B is not the name of a header, or has more than 100 characters"),
        ("astuto", ("--header", "A: b\r\nC: d"), "the value of the header A must have 1 to 4000 ASCII characters"),
        ("astuto", ("--header", "A:"), "the value of the header A must have 1 to 4000 ASCII characters"),
        ("astuto", ("--header", "content-LENGTH: 3"), "the header content-LENGTH can't be set"),
        ("astuto", ("--header", "Webhook-Id: 3"), "the header Webhook-Id can't be set"),
        ("astuto", [part for i in range(21) for part in ("--header", f"X-{i}: a")], "there may be at most 20 headers"),
    ],
)
def test_invalid_settings_are_rejected(
    dialect: str, arguments: tuple[str, ...], message: str, cli: Cli, rows: Rows
) -> None:
    url = () if "--url" in arguments else ("--url", URL)

    assert message in cli.error("webhooks", "create", "--dialect", dialect, *url, *arguments)
    assert rows("SELECT * FROM webhooks") == []
    assert rows("SELECT webhook_secret FROM portals") == [{"webhook_secret": None}]


def test_a_portal_has_at_most_ten_webhooks_each_with_another_description(cli: Cli) -> None:
    for number in range(10):
        create(cli, *(("--description", "CRM") if number == 0 else ()))

    again = ("webhooks", "create", "--dialect", "productlift", "--url", URL)
    assert cli.error(*again) == "a portal has at most 10 webhooks: delete one first (earshot webhooks delete ID)"
    cli.json("webhooks", "delete", "2")
    assert cli.error(*again, "--description", "CRM") == "another webhook of this portal has this description"
    assert cli.error("webhooks", "edit", "3", "--description", "CRM") == (
        "another webhook of this portal has this description"
    )
    assert create(cli, "--description", "Chat")["description"] == "Chat"


def test_contradicting_and_missing_options_are_rejected(cli: Cli, tmp_path: Path) -> None:
    create(cli)
    template = tmp_path / "body.liquid"
    template.write_bytes(b"\xff")

    def usage(*arguments: str, stdin: str = "") -> str:
        return cli.usage_error("webhooks", *arguments, stdin=stdin)

    astuto = ("create", "--dialect", "astuto", "--url", URL)
    assert "Missing option '--dialect'" in usage("create", "--url", URL)
    assert "must be one of productlift, astuto" in usage("create", "--url", URL, "--dialect", "jira")
    assert "only one setting can be read" in usage(*astuto, "--secret-stdin", "--body-stdin")
    assert "--url or --url-stdin" in usage(*astuto, "--url-stdin")
    assert "--body-stdin or --body-file" in usage(*astuto, "--body-stdin", "--body-file", str(template))
    assert "a header must be such as" in usage(*astuto, "--header", "abc")
    assert "the header a is given twice" in usage(*astuto, "--header", "A: b", "--header", "a: c")
    assert "give the settings to change" in usage("edit", "1")
    assert "--event or --all-events" in usage("edit", "1", "--event", "vote.created", "--all-events")
    assert "--header or --no-headers" in usage("edit", "1", "--header", "A: b", "--no-headers")
    assert "a body or --no-body" in usage("edit", "1", "--body-stdin", "--no-body")
    assert "--secret-stdin or --portal-secret" in usage("edit", "1", "--secret-stdin", "--portal-secret")
    assert "give the address by --url or --url-stdin" in usage("create", "--dialect", "astuto")
    assert "a JSON object of texts" in cli.error("webhooks", *astuto, "--headers-stdin", stdin='{"A": 1}')
    assert "a JSON object of texts" in cli.error("webhooks", *astuto, "--headers-stdin", stdin="A: b")
    assert "is not text in UTF-8" in cli.error("webhooks", *astuto, "--body-file", str(template))
    assert "can't be read" in cli.error("webhooks", *astuto, "--body-file", str(tmp_path / "none"))
    template.write_text("a" * 65_537)
    assert cli.error("webhooks", *astuto, "--body-file", str(template)) == "body must have at most 65536 characters"
    assert len(cli.json("webhooks", "list")["webhooks"]) == 1


@pytest.mark.parametrize("command", ["show", "edit", "delete", "enable", "disable", "log"])
def test_an_unknown_webhook_is_reported(command: str, cli: Cli) -> None:
    options = ("--description", "X") if command == "edit" else ()

    assert cli.error("webhooks", command, "7", *options) == "there is no webhook 7"


def test_a_webhook_is_disabled_and_enabled_again(cli: Cli, rows: Rows) -> None:
    create(cli)
    assert cli.json("webhooks", "disable", "1") == {"id": 1, "enabled": False}
    assert cli.json("webhooks", "show", "1")["enabled"] is False
    rows("UPDATE webhooks SET failures_in_row = 5, disabled_at = '2026-01-12 09:30:00'")
    assert cli.json("webhooks", "show", "1")["disabled_at"] == "2026-01-12T09:30:00Z"

    assert cli.json("webhooks", "enable", "1") == {"id": 1, "enabled": True, "lost_calls": 0}

    webhook = cli.json("webhooks", "show", "1")
    assert (webhook["enabled"], webhook["failures_in_a_row"], webhook["disabled_at"]) == (True, 0, None)


def test_a_webhook_of_another_secret_key_is_reported(cli: Cli, rows: Rows) -> None:
    create(cli)
    encrypted = SecretCipher(b"another secret").encrypt(URL)
    rows(f"UPDATE webhooks SET url = '{encrypted}'")
    rows(f"UPDATE portals SET webhook_secret = '{encrypted}'")

    assert "was encrypted with another secret key of the server" in cli.error("webhooks", "list")
    assert "replace it with --rotate or --stdin" in cli.error("webhooks", "secret")
    cli.json("webhooks", "edit", "1", "--url", URL)
    assert cli.json("webhooks", "show", "1")["url"] == URL


def test_events_are_stored_in_the_order_of_the_dialect(cli: Cli) -> None:
    for dialect, events in EVENTS.items():
        options = [part for event in reversed(events) for part in ("--event", event)]
        assert create(cli, *options, dialect=dialect)["events"] == list(events)


def test_a_post_that_a_command_deletes_is_kept_for_its_call(cli: Cli, rows: Rows) -> None:
    create(cli)
    rows(
        "INSERT INTO posts (portal_id, board_id, user_id, code, slug, title, description, status_changed_at,"
        " created_at, updated_at) SELECT 1, b.id, u.id, 'aaaaaa', 'dark-mode', 'Dark mode', 'At \"night\"',"
        " u.created_at, u.created_at, u.created_at FROM boards b, users u WHERE b.name = 'Bug Reports'"
    )
    assert cli.run("counters", "--repair").code == 0

    cli.json("boards", "delete", "2", "--with-posts")

    (fact,) = rows("SELECT body, actor_id FROM facts WHERE kind = 'post.deleted'")
    assert json.loads(fact["body"])["title"] == "Dark mode"
    assert json.loads(fact["body"])["snapshot"]["description"] == 'At "night"'
    assert fact["actor_id"] is None


def test_an_address_that_is_not_called_now_is_warned_of(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def warnings(url: str, dialect: str = "productlift") -> list[str]:
        lines = cli.run("webhooks", "create", "--dialect", dialect, "--url", url).out.splitlines()
        return [line for line in lines if line.startswith("warning: ")]

    remedy = "EARSHOT_OUTBOUND_ALLOW can allow its network, after a restart"
    for host, kind in (("10.1.2.3:8080", "private"), ("localhost", "loopback"), ("[::1]", "loopback")):
        name = host.removesuffix(":8080").strip("[]")
        assert warnings(f"http://{host}/hook", "astuto") == [
            f"warning: {name} must not be called, because it is a {kind} address; {remedy}"
        ]
    assert warnings("https://1.1.1.1/hook") == []
    assert warnings("https://{{ tenant.subdomain }}.example.com/hook", "astuto") == []
    monkeypatch.setenv("EARSHOT_OUTBOUND_ALLOW", "10.0.0.0/8")
    assert warnings("http://10.1.2.3/hook") == []

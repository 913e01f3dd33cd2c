"""The domain uses no dialect's words."""

import re
from pathlib import Path

import app.domain

DOMAIN = Path(app.domain.__file__).parent
CONTRACT = re.compile(r"docs/contracts/(productlift|astuto)\.md")


def test_the_domain_names_products_only_in_stored_values() -> None:
    """An endpoint is called in the format of one of the products, so `webhooks` says what each format has."""
    lines = {
        f"{path.relative_to(DOMAIN)}: {line.strip()}"
        for path in DOMAIN.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if path.parent.name != "webhooks" and re.search("productlift|astuto", CONTRACT.sub("", line), re.IGNORECASE)
    }

    assert lines == {
        'models/portals.py: DIALECTS = ("productlift", "astuto")',
        'models/users.py: KEY_SCHEMES = ("earshot", "astuto")',
        'users/key_formats.py: "astuto": KeyFormat("moderator", re.compile(r"tkn_(admin|mod)_"), is_numbered=False),',
        'users/key_formats.py: "productlift": KeyFormat("admin", re.compile(r"[0-9]+\\|"), is_numbered=True),',
    }

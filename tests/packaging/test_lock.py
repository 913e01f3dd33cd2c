"""The lock: it means the same on every machine, wherever it was written."""

import re
import tomllib
from urllib.parse import urlsplit

from tests.support.checkout import ROOT

PUBLIC = {"pypi.org", "files.pythonhosted.org"}


def test_the_lock_file_contains_only_public_hosts() -> None:
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")

    hosts = {urlsplit(url).hostname for url in re.findall(r"[a-z+]+://[^\"\s]+", text)}

    assert hosts == PUBLIC


def test_every_locked_package_comes_from_the_public_index_with_hashes() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]

    sources = {package["name"]: package["source"] for package in packages}
    own = sources.pop("earshot")

    assert own == {"editable": "."}
    assert {tuple(source.items()) for source in sources.values()} == {(("registry", "https://pypi.org/simple"),)}
    files = [
        file
        for package in packages
        if package["name"] != "earshot"
        for file in [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    ]
    assert len(files) >= len(sources)
    assert all(file["hash"].startswith("sha256:") for file in files)

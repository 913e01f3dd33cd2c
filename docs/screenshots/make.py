"""Makes the pictures of this folder: `./manage screenshots`. It needs Chromium.

With the path of a folder as argument, it makes them there. Each page of `tests/browser/pages.py` is shown in both
themes, on a phone and on a desktop: on the sample portal, and the most important ones on portals that are empty, that
are private, that have long German words, and that are read from right to left.
"""

import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageOps
from playwright.sync_api import Browser, sync_playwright

from app.domain.portals import portals
from app.domain.posts import comments, create
from app.domain.posts.create import NewPost
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import users
from tests.browser.pages import PAGES, VIEWERS, PortalPage, find_viewer
from tests.browser.portal import ServedPortal, fill, serve_copy
from tests.browser.tab import open_tab
from tests.support.browser import find_chromium

SIZES: Final[dict[str, dict[str, Any]]] = {
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "desktop": {"viewport": {"width": 1280, "height": 900}},
}
THEMES: Final = ("light", "dark")
MAX_HEIGHT: Final = {"phone": 900, "desktop": 900}
SCALES: Final = {"phone": 0.9, "desktop": 0.75}
"""The pictures are this much smaller than the pages."""
QUALITY: Final = 38
"""Of WebP, of 100."""
MAX_BYTES: Final = 3_000_000
"""Of all pictures together."""

TURN: Final = "document.documentElement.dir = 'rtl'"
FONTS: Final = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <test name="family"><string>system-ui</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Liberation Sans</string></edit>
  </match>
  <match target="pattern">
    <test name="family"><string>sans-serif</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Liberation Sans</string></edit>
  </match>
  <match target="pattern">
    <test name="family"><string>sans</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Liberation Sans</string></edit>
  </match>
</fontconfig>
"""
"""The font of the system on a server is often one that no reader has. This one is as wide as those of most systems."""
OTHER_BROWSER: Final = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
GERMAN: Final = (
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverwaltung vereinheitlichen",
    "Grundstücksverkehrsgenehmigungszuständigkeitsübertragungsverordnung als PDF herunterladen",
    "Rechtsschutzversicherungsgesellschaften in der Kontaktliste zusammenfassen",
)
ARABIC: Final = (
    "إضافة الوضع الليلي إلى صفحة التصدير",
    "تصدير التعليقات إلى ملف CSV",
    "ترتيب المنشورات حسب عدد الأصوات",
)
POST: Final = PortalPage("post", "SELECT '/p/' || slug || '-' || code FROM posts ORDER BY id")
HOME: Final = PortalPage("home", "/")
SUBMIT: Final = PortalPage("submit", "/submit")
PROFILE: Final = PortalPage("profile", "/profile", viewer="owner")
EMPTY: Final = (HOME, PortalPage("roadmap", "/roadmap"), PortalPage("changelog", "/changelog"))
PRIVATE: Final = PortalPage("sign-in", "/login")


def add_posts(titles: Sequence[str], text: str, *, locale: str) -> Any:
    """The rule that writes these posts into an empty portal, in its language."""

    def act(work: UnitOfWork) -> None:
        portals.update_setting(work, setting="locale", value=locale)
        portals.update_setting(work, setting="title", value=titles[0].split()[0])
        portals.update_setting(work, setting="welcome_text", value=text)
        author = users.create(work, email="author@example.com", name=titles[-1][:40])
        for title in titles:
            post = create.create_post(work, NewPost(title=title, description=text, author=author))
            for body in (text, title):
                comments.create(
                    work,
                    post_id=post.id,
                    author_id=author,
                    body=body,
                    parent_id=None,
                    official=body == title,
                    internal=False,
                    same_post_parent=True,
                    follow=False,
                )

    return act


@contextmanager
def serve_small(folder: Path) -> Iterator[ServedPortal]:
    """Serve a portal without posts."""
    empty = folder / "empty"
    empty.mkdir()
    with serve_copy(fill(empty, demo=False), folder / "served") as portal:
        yield portal


def take_pictures(
    browser: Browser,
    portal: ServedPortal,
    pages: Sequence[PortalPage],
    target: Path,
    *,
    suffix: str = "",
    script: str = "",
) -> None:
    """Each page in each theme and size. The script changes the page before."""
    cookies: dict[str, list[Any]] = {"visitor": []}
    for viewer in VIEWERS.keys() & {page.viewer for page in pages}:
        user = find_viewer(portal, viewer)
        portal.sign_in(user, OTHER_BROWSER)
        cookies[viewer] = [portal.sign_in(user)]
    for page in pages:
        for theme in THEMES:
            for size, options in SIZES.items():
                with open_tab(browser, cookies=cookies[page.viewer], color_scheme=theme, **options) as tab:
                    page.open(portal, tab.page)
                    tab.page.wait_for_load_state("networkidle")
                    if script:
                        tab.page.evaluate(script)
                    height = min(tab.page.evaluate("document.documentElement.scrollHeight"), MAX_HEIGHT[size])
                    tab.page.set_viewport_size({**options["viewport"], "height": height})
                    picture = Image.open(io.BytesIO(tab.page.screenshot()))
                width = round(picture.width * SCALES[size])
                picture = ImageOps.contain(picture.convert("RGB"), (width, picture.height), Image.Resampling.LANCZOS)
                picture.save(target / f"{page.name}{suffix}-{size}-{theme}.webp", quality=QUALITY, method=6)


@contextmanager
def launch(folder: Path, binary: str) -> Iterator[Browser]:
    """Chromium with the font of FONTS, and without a gutter for the scroll bar."""
    fonts = folder / "fonts.conf"
    fonts.write_text(FONTS, encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=binary,
            args=["--enable-features=OverlayScrollbar"],
            env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
        )
        yield browser
        browser.close()


def main(target: Path) -> None:
    """Make all pictures in the folder `target`."""
    binary = find_chromium()
    if binary is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    for old in target.glob("*.webp"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="earshot-screenshots-") as name, launch(Path(name), binary) as browser:
        folder = Path(name)
        for kind in ("full", "empty", "german", "right-to-left"):
            (folder / kind).mkdir()
        with serve_copy(fill(folder / "full"), folder / "full" / "served") as portal:
            take_pictures(browser, portal, PAGES, target)
        with serve_small(folder / "empty") as portal:
            take_pictures(browser, portal, EMPTY, target, suffix="-empty")
            portal.act(lambda work: portals.update_setting(work, setting="is_private", value=True))
            take_pictures(browser, portal, [PRIVATE], target, suffix="-private")
        with serve_small(folder / "german") as portal:
            portal.act(
                add_posts(GERMAN, "Bitte um Barrierefreiheitsstärkungsgesetzanforderungen ergänzen.", locale="de")
            )
            take_pictures(browser, portal, [HOME, POST, SUBMIT, PROFILE], target, suffix="-german")
        with serve_small(folder / "right-to-left") as portal:
            portal.act(add_posts(ARABIC, "شاركنا أفكارك وصوّت لأفكار الآخرين.", locale="ar"))
            take_pictures(browser, portal, [HOME, POST, SUBMIT], target, suffix="-right-to-left", script=TURN)
    pictures = list(target.glob("*.webp"))
    total = sum(path.stat().st_size for path in pictures)
    print(f"{target}: {len(pictures)} pictures, {total // 1000} kB")
    if total > MAX_BYTES:
        sys.exit(f"the pictures are larger than {MAX_BYTES // 1000} kB together: lower QUALITY")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

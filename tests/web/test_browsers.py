"""What browsers and systems are called."""

import pytest

from app.web.browsers import find_names, shorten

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "names"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", ("Firefox", "Linux")),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {APPLE} Chrome/140.0.0.0 Safari/537.36", ("Chrome", "Windows")),
        (f"Mozilla/5.0 (Windows NT 10.0) {APPLE} Chrome/140.0.0.0 Safari/537.36 Edg/140.0", ("Edge", "Windows")),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.0 Safari/605.1", ("Safari", "macOS")),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {APPLE} CriOS/1.0 Safari/1.0", ("Chrome", "iPhone")),
        (
            f"Mozilla/5.0 (Linux; Android 15; K) {APPLE} SamsungBrowser/28.0 Chrome/130.0 Safari/537.36",
            ("Samsung Internet", "Android"),
        ),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {APPLE} Chrome/140.0.0.0 Safari/537.36", ("Chrome", "ChromeOS")),
        (f"Mozilla/5.0 (Windows NT 10.0) {APPLE} Chrome/140.0.0.0 Safari/537.36 OPR/120.0", ("Opera", "Windows")),
        ("curl/8.9.1", (None, None)),
        ("", (None, None)),
    ],
)  # fmt: skip
def test_browsers_are_named(user_agent: str, names: tuple[str | None, str | None]) -> None:
    assert find_names(user_agent) == names


def test_the_text_of_an_unknown_browser_is_shortened() -> None:
    assert shorten("curl/8.9.1") == "curl/8.9.1"
    assert shorten("x" * 61) == "x" * 59 + "…"

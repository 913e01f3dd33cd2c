"""A tab of the browser, and the three ways in which a person uses it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from playwright.sync_api import Browser, FilePayload, Locator, Page

WAYS: Final = ("with-scripts", "without-scripts", "by-keyboard")
MAX_TABS: Final = 150
"""Presses of the tab key until an element must have the focus."""

_WATCH: Final = """
window.problems = [];
window.shifts = [];
document.addEventListener("securitypolicyviolation", (event) => problems.push(event.violatedDirective));
new PerformanceObserver((list) => {
  for (const { hadRecentInput, value, sources } of list.getEntries()) {
    if (!hadRecentInput) shifts.push([value, ...sources.map(({ node }) => node?.outerHTML?.slice(0, 80))]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
_FOCUS: Final = """
() => {
  const element = document.activeElement;
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const x = Math.min(Math.max(box.x + box.width / 2, 0), innerWidth - 1);
  const y = Math.min(Math.max(box.y + box.height / 2, 0), innerHeight - 1);
  const top = document.elementFromPoint(x, y);
  return {
    name: element.outerHTML.slice(0, 160),
    isBody: element === document.body,
    hasOutline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    isInView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    isOnTop: element.contains(top) || top?.contains(element) || top?.closest("label")?.control === element,
  };
}
"""


class Tab:
    """A page of Playwright. `complaints` are its console messages, errors and failed loads."""

    def __init__(self, page: Page, way: str) -> None:
        self.page = page
        self.way = way
        self.complaints: list[str] = []
        page.on("console", lambda message: self._complain(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _complain(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def press(self, target: Locator) -> None:
        """Activate a link or button: click it, or find it by the tab key and press enter."""
        if self.way != "by-keyboard":
            target.click()
            return
        self.focus(target)
        self.page.keyboard.press("Enter")

    @property
    def content(self) -> Locator:
        """The page without its header and footer."""
        return self.page.get_by_role("main")

    def press_button(self, name: str) -> None:
        """Press a button of the content by its whole name."""
        self.press(self.content.get_by_role("button", name=name, exact=True))

    def press_link(self, name: str) -> None:
        """Follow a link of the content by its whole name."""
        self.press(self.content.get_by_role("link", name=name, exact=True))

    def type_into(self, label: str, text: str) -> None:
        """Type into a field of the content."""
        self.type(self.content.get_by_label(label), text)

    def choose(self, target: Locator) -> None:
        """Choose a radio button, or tick a checkbox."""
        if self.way != "by-keyboard":
            target.check()
            return
        if target.get_attribute("type") == "radio":
            # The tab key leads to the chosen one of a group, or to one of those beside it.
            name = target.get_attribute("name")
            group = target.page.locator(f'input[type="radio"][name="{name}"]')
            chosen = group.and_(target.page.locator(":checked"))
            self.focus(chosen if chosen.count() else group.first)
            for _ in range(group.count()):
                if not target.evaluate("(element) => element === document.activeElement"):
                    self.page.keyboard.press("ArrowDown")
        else:
            self.focus(target)
        if not target.is_checked():
            self.page.keyboard.press("Space")
        assert target.is_checked()

    def select(self, target: Locator, label: str) -> None:
        """Select an option by its label."""
        if self.way == "by-keyboard":
            self.focus(target)
            self.page.keyboard.type(label)
            assert target.evaluate("(element) => element.selectedOptions[0].label") == label
        else:
            target.select_option(label=label)

    def attach(self, target: Locator, *files: FilePayload) -> None:
        """Choose files in the dialog of the browser."""
        with self.page.expect_file_chooser() as chooser:
            self.press(target)
        chooser.value.set_files(list(files))

    def take_status(self, status: int) -> None:
        """Forget that the browser complained about one response with this status."""
        complaint = next(text for text in self.complaints if f"with a status of {status} " in text)
        self.complaints.remove(complaint)

    def focus(self, target: Locator) -> None:
        """Move the focus to an element by the tab key. It must be visible there."""
        handle = target.element_handle()
        for _ in range(MAX_TABS):
            if handle.evaluate("(element) => element === document.activeElement"):
                focus = self.read_focus()
                assert focus["hasOutline"] and focus["isInView"], focus
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the tab key does not lead to {target}")

    def type(self, target: Locator, text: str) -> None:
        """Type into a field."""
        if self.way == "by-keyboard":
            self.focus(target)
            self.page.keyboard.type(text)
        else:
            target.fill(text)

    def read_focus(self) -> dict[str, Any]:
        """What is focused, and whether one sees it."""
        focus: dict[str, Any] = self.page.evaluate(_FOCUS)
        return focus


@contextmanager
def open_tab(browser: Browser, *, way: str = "with-scripts", **options: Any) -> Iterator[Tab]:
    """A tab with cookies of its own. `options` are those of Playwright's contexts, and `cookies`."""
    cookies = options.pop("cookies", [])
    context = browser.new_context(java_script_enabled=way != "without-scripts", reduced_motion="reduce", **options)
    context.add_cookies(cookies)
    context.add_init_script(_WATCH)
    context.set_default_timeout(15_000)
    try:
        yield Tab(context.new_page(), way)
    finally:
        context.close()

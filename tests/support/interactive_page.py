"""Uses the interactive page of a dialect as a person does: authorize, open an operation, execute it."""

from tests.support.browser import Page


async def open_page(page: Page, address: str) -> None:
    """Open the interactive page and wait until its operations are shown."""
    await page.open(address)
    await page.until("document.querySelector('.opblock-summary-path')")


async def open_dialog(page: Page) -> None:
    """Open the dialog that takes the key."""
    await page.value("document.querySelector('.btn.authorize').click()")
    await page.until("document.querySelector('.auth-container input')")


async def authorize(page: Page, key: str) -> None:
    """Give the key to the page."""
    await open_dialog(page)
    await page.value(
        f"""(() => {{
          const field = document.querySelector('.auth-container input');
          Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, {key!r});
          field.dispatchEvent(new Event('input', {{bubbles: true}}));
          document.querySelector('.auth-btn-wrapper .authorize').click();
        }})()"""
    )
    await page.until("document.querySelector('.auth-btn-wrapper button:not(.authorize)')")
    await page.value("document.querySelector('.auth-btn-wrapper .btn-done').click()")


async def open_operation(page: Page, method: str, path: str) -> None:
    """Open an operation and make its fields editable."""
    await page.value(f"document.querySelector('.opblock-{method} [data-path=\"{path}\"]').click()")
    await page.until("document.querySelector('.try-out__btn')")
    await page.value("document.querySelector('.try-out__btn').click()")
    await page.until("document.querySelector('.btn.execute')")


async def execute(page: Page) -> tuple[str, str]:
    """Execute the open operation; return the status and the text of the response."""
    await page.value("document.querySelector('.btn.execute').click()")
    await page.until("document.querySelector('.live-responses-table .response-col_status')")
    table = "document.querySelector('.live-responses-table tbody')"
    status = await page.value(f"{table}.querySelector('.response-col_status').innerText")
    return str(status), str(await page.value(f"{table}.innerText"))

"""The interactive pages on the sample portal, in a real Chromium: each operation is executed as it is filled in."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.demo.test_document_examples import (
    EXPECTED_ERRORS,
    JSON,
    Sample,
    fill_in_form,
    make_sample_portal,
)
from tests.support.browser import Browser, Page, find_chromium, run_browser
from tests.support.extra_servers import make_settings
from tests.support.live_server import serve_in_thread
from tests.support.requirements import need

SET_VALUE = """((element, value) => {
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(element), "value").set.call(element, value);
  element.dispatchEvent(new Event(element.tagName === "SELECT" ? "change" : "input", {bubbles: true}));
})"""


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """A sample portal. One engine will do, because a page only sends requests."""
    url = f"sqlite:///{tmp_path / 'earshot.db'}"
    return Sample(make_settings(url, tmp_path / "data"), make_sample_portal(url, tmp_path))


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    found = find_chromium()
    need("Chromium", found, "the interactive pages are used in it: apt-get install chromium")
    assert found
    async with run_browser(found) as running:
        yield running


async def authorize(page: Page, key: str) -> None:
    await page.value("document.querySelector('.btn.authorize').click()")
    await page.until("document.querySelector('.auth-container input')")
    await page.value(f"{SET_VALUE}(document.querySelector('.auth-container input'), {json.dumps(key)})")
    await page.value("document.querySelector('.auth-btn-wrapper .authorize').click()")
    await page.until("document.querySelector('.auth-btn-wrapper .btn-done')")
    await page.value("document.querySelector('.auth-btn-wrapper .btn-done').click()")


async def execute(page: Page, block: str) -> int:
    """Execute an opened operation without a change, and return the status."""
    status = f"{block}.querySelector('.live-responses-table tbody .response-col_status')"
    await page.value(f"{block}.querySelector('.execute').click()")
    await page.until(status)
    return int((await page.value(f"{status}.innerText")).split()[0])


async def read_inputs(page: Page, block: str, media_type: str) -> dict[str, list[str]]:
    """The inputs of a form that are not empty, as the page has filled them in; a list has an input for each item."""
    for selected, input_of_body in ((JSON, "textarea"), (media_type, "tr[data-property-name] :is(input, select)")):
        await page.value(f"{SET_VALUE}({block}.querySelector('.body-param-content-type select'), '{selected}')")
        await page.until(f"{block}.querySelector('.opblock-section-request-body {input_of_body}')")
    pairs = await page.value(
        f"""[...{block}.querySelectorAll('tr[data-property-name]')].map(row => [
          row.dataset.propertyName,
          [...row.querySelectorAll(':is(input:not([type=checkbox]):not([type=file]), select)')]
            .map(input => input.value).filter(value => value)])"""
    )
    return {name: values for name, values in pairs if values}


async def read_parameters(page: Page, block: str) -> dict[str, str]:
    """The parameters of an opened operation that are not empty, as the page has filled them in."""
    pairs = await page.value(
        f"""[...{block}.querySelectorAll('tr[data-param-name]')].map(row => [
          row.dataset.paramName, row.querySelector(':is(input, select, textarea)')?.value ?? ''])"""
    )
    return {name: value for name, value in pairs if value}


def fill_in_parameters(operation: dict[str, Any]) -> dict[str, str]:
    """The values that a page should fill in: those of required parameters, and defaults, which change nothing."""
    values = {
        parameter["name"]: parameter["example"] if parameter["required"] else parameter["schema"].get("default")
        for parameter in operation.get("parameters", [])
    }
    return {name: str(value) for name, value in values.items() if value is not None}


@pytest.mark.parametrize("dialect", ["productlift", "astuto"])
async def test_each_operation_is_executed_as_it_is_filled_in(browser: Browser, sample: Sample, dialect: str) -> None:
    with serve_in_thread(sample.settings) as address:
        page = await browser.page()
        await page.open(f"{address}/{dialect}/api/v1/docs")
        await page.until("document.querySelector('.opblock-summary-path')")
        document = await page.value(f"fetch('/{dialect}/api/v1/openapi.json').then(response => response.json())")
        await authorize(page, sample.portal.keys[dialect])
        executed: set[str] = set()
        unexpected: dict[str, Any] = {}
        for index in range(await page.value("document.querySelectorAll('.opblock').length")):
            block = f"document.querySelectorAll('.opblock')[{index}]"
            method, path = await page.value(
                f"[{block}.querySelector('.opblock-summary-method').innerText,"
                f" {block}.querySelector('.opblock-summary-path').dataset.path]"
            )
            name, operation = f"{method} {path}", document["paths"][path][method.lower()]
            await page.value(f"{block}.querySelector('.opblock-summary-control').click()")
            await page.until(f"{block}.querySelector('.try-out__btn')")
            await page.value(f"{block}.querySelector('.try-out__btn').click()")
            await page.until(f"{block}.querySelector('.execute')")

            parameters = await read_parameters(page, block)
            status = await execute(page, block)

            executed.add(name)
            if parameters != fill_in_parameters(operation):
                unexpected[f"{name} parameters"] = parameters
            expected_error = EXPECTED_ERRORS[dialect].get(name, (None,))[0]
            if not (200 <= status < 300 if expected_error is None else status == expected_error):
                unexpected[name] = status
            for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
                if media_type != JSON:
                    fields = await read_inputs(page, block, media_type)
                    if fields != fill_in_form(body["schema"]):
                        unexpected[f"{name} {media_type}"] = fields
            await page.value(f"{block}.querySelector('.opblock-summary-control').click()")

    assert unexpected == {}
    assert executed == {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}

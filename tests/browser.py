"""A browser for tests: Chromium as Debian packages it, driven by Playwright."""

import os
import shutil
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page, async_playwright

FLAGS: Final = [
    "--no-sandbox",  # which root cannot have
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, without a window."""
    program = shutil.which("chromium")
    if program is None and not os.environ.get("CI"):
        pytest.skip("chromium is not installed")
    assert program, "chromium is not installed"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """An empty page, in a browser that has no cookies yet and nothing cached."""
    async with await browser.new_context() as context:
        yield await context.new_page()


async def run(page: Page, code: str, **given: Any) -> Any:
    """What lines of JavaScript return within a page; the names given to them are theirs to use."""
    return await page.evaluate(f"async ({{ {', '.join(given)} }}) => {{ {code} }}", given)

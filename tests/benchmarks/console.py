"""How quickly the console answers to a hand, with a thousand rows in the table.

    python -m tests.benchmarks.console [--rows 1000] [--rounds 9]

In Debian's Chromium, on the same machine as the service. A time is from the event to the frame that
follows, as https://web.dev/articles/inp has it; that of an empty handler is beside it.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

import click
import orjson
import uvloop
from playwright.async_api import Page, async_playwright

from app import client
from tests.browser import FLAGS
from tests.support import Server, running_server

# From a click to the frame after the one in which its handler ran.
CLICK: Final = """
    label => new Promise(resolve => {
        const target = document.querySelector(`[aria-label="${label}"]`) ?? document.body;
        const began = performance.now();
        target.click();
        requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = () => resolve(performance.now() - began);
            channel.port2.postMessage(null);
        });
    })
"""
WHAT: Final = {
    "nothing": "no such thing",
    "select all rows": "Select all that are shown",
    "select one row": "Select many {:05}",
    "open a dialog": "Edit many {:05}",
}


async def prepare(server: Server, rows: int) -> None:
    """Have so many tokens."""
    for first in range(0, rows, 1000):
        given = [
            {"name": f"many {n:05}", "token": f"token-number-{n:05}-of-many"}
            for n in range(first, min(first + 1000, rows))
        ]
        arguments = [orjson.dumps(given).decode()]
        call = (server.url, "api-tokens/import", arguments, server.root_token)
        await asyncio.to_thread(client.call, *call)


async def opened(page: Page, server: Server, rows: int) -> None:
    """Sign in, scroll until every row is read, and go to the middle one."""
    await page.goto(f"{server.url}/?name=many")
    await page.get_by_label("Name").fill("root")
    await page.get_by_label("Password").fill(server.root_password)
    await page.get_by_role("button", name="Sign in").click()
    shown = page.get_by_text(f"{rows:,} tokens", exact=True)
    await page.get_by_role("rowheader").first.wait_for()
    while not await shown.count():
        await page.mouse.wheel(0, 100_000)
        await page.wait_for_timeout(50)
    await page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    await page.get_by_label(WHAT["open a dialog"].format(rows // 2)).wait_for()


async def measure(rows: int, rounds: int, folder: Path) -> None:
    """Print how long each takes."""
    program = shutil.which("chromium")
    assert program, "chromium is not installed"
    async with (
        running_server("--data-dir", str(folder / "data")) as server,
        async_playwright() as playwright,
    ):
        await prepare(server, rows)
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = await browser.new_page()
        await opened(page, server, rows)
        print(f"with {rows} rows | median | longest")
        for what, label in WHAT.items():
            times: list[Any] = []
            for _ in range(rounds):
                times.append(await page.evaluate(CLICK, label.format(rows // 2)))
                await page.keyboard.press("Escape")
            print(f"{what} | {median(times):.0f} ms | {max(times):.0f} ms")
        await browser.close()


@click.command()
@click.option("--rows", default=1000)
@click.option("--rounds", default=9)
def main(rows: int, rounds: int) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(rows, rounds, Path(folder)))


if __name__ == "__main__":
    main()

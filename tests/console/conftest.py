"""The console in a browser, on a server of the file's own; found by role and label as people do."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.browser import browser
from tests.console.person import Person, Staff
from tests.support import Server, database_of, made_database, running_server

__all__ = ["browser"]

# Milliseconds that something may take to be seen, where others use the machine too.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
async def server(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A server process on a database of its own, which writes what is used at once."""
    data_dir = str(tmp_path_factory.mktemp("console"))
    async with made_database(postgres, template) as name:
        options = ["--data-dir", data_dir, "--database-url", database_of(postgres, name)]
        quick = ["--usage-interval", "0.05", "--password-memory", "32"]
        tries = ["--sign-in-attempts", "1000", "--sign-in-address-attempts", "1000"]
        async with running_server(*options, *quick, *tries) as started:
            yield started


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser of a person's own, without cookies, on a large screen."""
    size = {"width": 1280, "height": 800}
    async with await browser.new_context(viewport=size, locale="en-GB") as context:  # type: ignore[arg-type]  # a dict is one
        context.set_default_timeout(PATIENCE)
        yield context


@pytest.fixture
async def staff(server: Server) -> Staff:
    """Those who call the service's methods beside the console: curl, other programs."""
    return Staff(server)


@pytest.fixture
async def root(context: BrowserContext, server: Server) -> AsyncIterator[Person]:
    """The root user, signed in; nothing may go wrong behind the scenes."""
    person = await Person.at(context, server)
    await person.sign_in("root", server.root_password)
    yield person
    person.check()

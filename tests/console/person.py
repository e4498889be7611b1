"""A person at the console, and others who call the service beside it."""

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson
from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from app import client
from tests.support import Server

PASSWORD: Final = "correct horse battery"
SHOTS: Final = Path(__file__).parent / "shots"
# What browsers say of answers that are refusals: these are expected.
REFUSED: Final = re.compile(r"Failed to load resource|WebSocket connection to .* failed")


@dataclass(frozen=True)
class Staff:
    """Calls methods as root, or with a token."""

    server: Server

    async def call(self, method: str, *arguments: Any, token: str | None = None) -> Any:
        """The data of a call that goes well."""
        given = [orjson.dumps(value).decode() for value in arguments]
        secret = token or self.server.root_token
        return await asyncio.to_thread(client.call, self.server.url, method, given, secret)

    async def token(self, name: str, **options: Any) -> Any:
        """A new token's row, with its secret."""
        return await self.call("api-tokens/create", name, options)

    async def user(self, *permissions: str) -> str:
        """The name of a new user with these permissions, who can sign in."""
        name = f"user {uuid4().hex[:8]}"
        options = {"password": PASSWORD, **({"permissions": permissions} if permissions else {})}
        await self.call("users/create", name, options)
        return name

    async def works(self, secret: str) -> bool:
        """Whether a token is taken."""
        try:
            await self.call("session/read", token=secret)
        except client.CallError:
            return False
        return True


@dataclass
class Person:
    """Somebody at a page of the console."""

    page: Page
    server: Server
    problems: list[str] = field(default_factory=list)

    @classmethod
    async def at(cls, context: BrowserContext, server: Server, path: str = "/") -> "Person":
        """Somebody who has just opened the console."""
        person = cls(await context.new_page(), server)
        person.page.on("pageerror", lambda error: person.problems.append(str(error)))
        person.page.on("console", person._noted)
        await person.page.goto(server.url + path)
        return person

    def _noted(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not REFUSED.search(message.text):
            self.problems.append(message.text)

    def check(self) -> None:
        """No script has failed, and the page's policy has kept nothing from it."""
        assert self.problems == []

    async def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """Sign in, and wait for the tokens."""
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("Password").fill(password)
        await self.press("Sign in")
        await expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()
        await self.settled()

    async def settled(self) -> None:
        """Wait until the table is read."""
        await expect(self.page.locator("[aria-busy]")).to_have_count(0)

    async def press(self, name: str, *, within: Locator | None = None) -> None:
        """Press the button of this name."""
        await (within or self.page).get_by_role("button", name=name, exact=True).click()

    async def go(self, name: str) -> None:
        """Follow a link above."""
        await self.page.get_by_role("link", name=name, exact=True).click()

    def row(self, name: str) -> Locator:
        """The line of a table that is headed so, whatever badge stands behind."""
        given = re.escape(name).replace("/", r"\/")
        text = re.compile(rf"^{given}( ?(rotating|root))?$")
        heading = self.page.get_by_role("rowheader", name=text)
        return self.page.get_by_role("row").filter(has=heading)

    def dialog(self, title: str) -> Locator:
        """The dialog of this title, of whatever kind."""
        name = re.compile(f"^{re.escape(title)}$")
        return self.page.locator("dialog").filter(has=self.page.get_by_role("heading", name=name))

    async def names(self) -> list[str]:
        """What heads the lines of the table, in their order."""
        await self.settled()
        return [
            text.removesuffix("rotating")
            for text in await self.page.get_by_role("rowheader").all_text_contents()
        ]

    async def add(self, name: str) -> str:
        """Add a token with what is offered; answers its secret."""
        await self.press("Add token")
        dialog = self.dialog("Add API token")
        await dialog.get_by_label("Name").fill(name)
        await self.press("Add token", within=dialog)
        return await self.secret("Token added")

    async def secret(self, title: str) -> str:
        """The secret that a dialog shows, which is closed then."""
        dialog = self.dialog(title)
        secret = await dialog.get_by_label("Secret", exact=True).text_content()
        await self.press("I have copied it", within=dialog)
        await expect(dialog).to_have_count(0)
        return str(secret)

    async def shoot(self, name: str) -> None:
        """Keep a picture, to be looked at."""
        SHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SHOTS / f"{name}.png")

"""The table of tokens: what it shows, sorting, filters that can be shared, thousands of rows."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.console.person import Person, Staff
from tests.support import Server

MANY: Final = 5000


@pytest.fixture
async def person(
    context: BrowserContext, server: Server, staff: Staff
) -> AsyncIterator[tuple[Person, str]]:
    """Somebody who has signed in, and a token of theirs that may do all they may."""
    name = await staff.user()
    person = await Person.at(context, server)
    await person.sign_in(name)
    await expect(person.page.get_by_text("There are no tokens yet.")).to_be_visible()
    secret = await person.add("alpha")
    yield person, secret
    person.check()


async def made(staff: Staff, secret: str, *names: str, **options: object) -> None:
    """Make tokens for whoever has this one."""
    for name in names:
        await staff.call("api-tokens/create", name, options, token=secret)


async def test_shows_what_there_is_to_know(root: Person, staff: Staff) -> None:
    """Of each token: name, hint, access, whether it is enabled, and its times."""
    made = await staff.token("shown", role="read-write", expires="30d")
    row = root.row("shown")
    await expect(row).to_contain_text(made["hint"])
    await expect(row).to_contain_text("Read and Write")
    await expect(row.get_by_role("switch")).to_be_checked()
    await expect(row.get_by_role("cell", name="never")).to_have_count(1)
    await expect(row).to_contain_text(re.compile("in (29|30) days"))
    await staff.token("custom", permissions={"verify": True})
    await expect(root.row("custom")).to_contain_text("Custom verify")


async def test_sorts_by_a_columns_arrows(person: tuple[Person, str], staff: Staff) -> None:
    """By name at first; what was chosen is forgotten when the page is loaded anew."""
    someone, secret = person
    await made(staff, secret, "gamma", "beta", role="read-only")
    await expect(someone.row("gamma")).to_be_visible()
    await expect(someone.row("beta")).to_be_visible()
    assert await someone.names() == ["alpha", "beta", "gamma"]
    await someone.press("Sort by name, descending")
    await expect(someone.page.get_by_role("columnheader", name="Name")).to_have_attribute(
        "aria-sort", "descending"
    )
    assert await someone.names() == ["gamma", "beta", "alpha"]
    await someone.press("Sort by created, ascending")
    assert await someone.names() == ["alpha", "gamma", "beta"]
    await someone.page.reload()
    await expect(someone.row("alpha")).to_be_visible()
    assert await someone.names() == ["alpha", "beta", "gamma"]


async def test_finds_by_what_is_typed(person: tuple[Person, str], staff: Staff) -> None:
    """A part of the name, a token's whole value, or a part of what is shown of it."""
    someone, secret = person
    await made(staff, secret, "deploy 100%", "deploy_200")
    await expect(someone.page.get_by_role("rowheader")).to_have_count(3)
    for field, text, found in (
        ("Name", "DEPLOY", ["deploy 100%", "deploy_200"]),
        ("Name", "0%", ["deploy 100%"]),
        ("Name", "y_2", ["deploy_200"]),
        ("Name", "nothing like it", []),
        ("Token", secret, ["alpha"]),
        ("Token", secret[-4:], ["alpha"]),
    ):
        search = someone.page.get_by_role("search").get_by_label(field)
        await search.fill(text)
        await expect(someone.page.get_by_role("rowheader")).to_have_count(len(found))
        assert await someone.names() == found
        await someone.press("Clear")
        await expect(someone.page.get_by_role("rowheader")).to_have_count(3)


async def test_finds_by_what_is_picked(person: tuple[Person, str], staff: Staff) -> None:
    """Access, whether it is enabled, whether it has expired."""
    someone, secret = person
    await made(staff, secret, "reader", role="read-only", expires="7d")
    await made(staff, secret, "custom")
    await someone.row("custom").get_by_role("switch").click()
    search = someone.page.get_by_role("search")
    for label, option, found in (
        ("Access", "Custom", ["custom"]),
        ("Access", "Admin", []),
        ("Status", "Disabled", ["custom"]),
        ("Status", "Enabled", ["alpha", "reader"]),
        ("Expiry", "Expired", []),
        ("Expiry", "Not expired", ["alpha", "custom", "reader"]),
    ):
        await search.get_by_label(label).select_option(label=option)
        await expect(someone.page.get_by_role("rowheader")).to_have_count(len(found))
        assert await someone.names() == found
        await search.get_by_label(label).select_option(label="Any")
    await expect(search.get_by_label("Whose")).to_have_count(0)


async def test_the_address_holds_the_filter(
    person: tuple[Person, str], staff: Staff, context: BrowserContext
) -> None:
    """It can be shared, without the token that was looked for: that is a secret."""
    someone, secret = person
    await made(staff, secret, "shared & found")
    search = someone.page.get_by_role("search")
    await search.get_by_label("Name").fill("shared &")
    await search.get_by_label("Token").fill(secret)
    await expect(someone.page.get_by_text("No token is like that.")).to_be_visible()
    address = someone.page.url
    assert secret not in address
    other = await Person.at(context, someone.server, address.removeprefix(someone.server.url))
    await expect(other.page.get_by_role("search").get_by_label("Name")).to_have_value("shared &")
    assert await other.names() == ["shared & found"]


async def test_an_answer_that_is_late_is_not_shown(
    person: tuple[Person, str], staff: Staff
) -> None:
    """What was asked for last counts, in whatever order answers come."""
    someone, secret = person
    await made(staff, secret, "slow", "swift")
    held = asyncio.Event()

    async def late(route: Route) -> None:
        if '"%slow%"' in (route.request.post_data or "") or '"slow"' in (
            route.request.post_data or ""
        ):
            await held.wait()
        await route.continue_()

    await someone.page.route("**/v1/api-tokens/read", late)
    name = someone.page.get_by_role("search").get_by_label("Name")
    async with someone.page.expect_request(lambda r: "slow" in (r.post_data or "")):
        await name.fill("slow")
    await name.fill("swift")
    await expect(someone.page.get_by_role("rowheader")).to_have_count(1)
    assert await someone.names() == ["swift"]
    held.set()
    await someone.page.wait_for_load_state("networkidle")
    assert await someone.names() == ["swift"]


async def test_an_administrator_sees_whose_it_is(
    root: Person, staff: Staff, server: Server
) -> None:
    """Everybody's tokens, with their owners."""
    name = await staff.user()
    [user] = await staff.call("users/read", {"where": {"name": name}})
    foreign = {"name": "foreign", "owner": name, "token": "a-token-of-somebody-else"}
    await staff.call("api-tokens/import", [foreign])
    await root.page.get_by_role("search").get_by_label("Whose").select_option(label="Everybody's")
    await root.page.get_by_role("search").get_by_label("Name").fill("foreign")
    await expect(root.row("foreign")).to_contain_text(user["name"])
    await expect(root.page.get_by_role("columnheader", name="Owner")).to_be_visible()


@pytest.fixture(scope="module")
async def many(server: Server) -> None:
    """Thousands of tokens of root's, for the tests at the end of this file."""
    for first in range(0, MANY, 1000):
        rows = [
            {"name": f"many {n:05}", "token": f"token-number-{n:05}-of-many"}
            for n in range(first, first + 1000)
        ]
        await Staff(server).call("api-tokens/import", rows)


async def lines(root: Person) -> dict[int, str]:
    """The names of the lines that are in the document, by their places among all."""
    found: list[tuple[int, str]] = await root.page.get_by_role("row").evaluate_all(
        "rows => rows.filter(row => row.ariaRowIndex)"
        ".map(row => [Number(row.ariaRowIndex), row.querySelector('th').textContent])"
    )
    return dict(found)


async def found_many(root: Person) -> None:
    """Look for them, and wait until the first ones are shown, and no others."""
    await root.page.get_by_role("search").get_by_label("Name").fill("many")
    shown = root.page.get_by_role("paragraph").filter(
        has_text=re.compile("^100 of 5,00[01] tokens")
    )
    await expect(shown).to_be_visible()
    await root.settled()


@pytest.mark.usefixtures("many")
async def test_thousands_of_tokens_come_by_and_by(root: Person) -> None:
    """As one scrolls; each once, in its place; few are in the document, whatever is read."""
    await found_many(root)
    await expect(root.page.get_by_role("table")).to_have_attribute("aria-rowcount", f"{MANY + 1}")
    seen: dict[int, str] = {}
    while len(seen) < 450:
        await root.page.mouse.wheel(0, 500)
        there = await lines(root)
        assert len(there) < 120
        assert {place: there[place] for place in there.keys() & seen.keys()}.items() <= seen.items()
        seen |= there
    assert sorted(seen) == list(range(2, len(seen) + 2))
    assert [seen[place] for place in sorted(seen)] == [f"many {n:05}" for n in range(len(seen))]
    await root.shoot("many")
    await root.page.get_by_role("search").get_by_label("Name").fill("many 04999")
    await expect(root.page.get_by_role("rowheader")).to_have_count(1)


@pytest.mark.usefixtures("many")
async def test_all_that_are_shown_are_selected(root: Person) -> None:
    """Those too that are not in the document, and when they come back."""
    await found_many(root)
    await expect(root.row("many 00099")).to_have_count(0)
    await root.page.get_by_label("Select all that are shown").check()
    bulk = root.page.get_by_role("region", name="Selected tokens")
    await expect(bulk).to_contain_text("100 tokens selected")
    await root.page.evaluate("scrollTo(0, 4000)")
    await root.page.get_by_label("Select many 00085").uncheck()
    await expect(bulk).to_contain_text(re.compile(r"\b99 tokens selected"))
    await root.page.evaluate("scrollTo(0, 0)")
    await expect(root.page.get_by_label("Select many 00000")).to_be_checked()
    await root.page.get_by_label("Select many 00000").focus()
    await root.page.evaluate("scrollTo(0, 2000)")
    await expect(root.row("many 00085")).to_have_count(0)
    await root.page.evaluate("scrollTo(0, 4000)")
    await expect(root.page.get_by_label("Select many 00085")).not_to_be_checked()
    await expect(root.page.get_by_label("Select many 00086")).to_be_checked()


@pytest.mark.usefixtures("many")
async def test_a_change_elsewhere_leaves_one_where_one_is(root: Person, staff: Staff) -> None:
    """Far below, with as many lines as there were; a new one is in its place."""
    await found_many(root)
    while not await root.row("many 00190").count():
        await root.page.evaluate("scrollBy(0, 500)")
    await root.page.get_by_label("Edit many 00190").focus()
    before = await root.page.evaluate("scrollY")
    await staff.token("many 00190 and a half")
    await expect(root.row("many 00190 and a half")).to_be_attached()
    await expect(root.page.get_by_label("Edit many 00190", exact=True)).to_be_focused()
    assert abs(await root.page.evaluate("scrollY") - before) < 100
    await expect(root.row("many 00000")).to_have_count(0)

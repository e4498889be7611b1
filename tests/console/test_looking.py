"""How the console is for everybody: keyboards, phones, the dark, readers aloud, odd names."""

from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.clients.npm import installed
from tests.console.person import Person, Staff
from tests.support import Server

FOLDER: Final = Path(__file__).parent
ODD: Final = (
    "<img src=x onerror=document.title='broken'>",
    "<script>document.title='broken'</script>",
    "شارة الدخول إلى النظام",
    "👩‍👩‍👧‍👦 family 🗝",
    "x" * 255,
    "\"quotes\" & 'apostrophes'",
)
LARGEST: Final = 60_000  # bytes of a first load
# How much of the page has moved, as browsers measure it (https://web.dev/articles/cls).
SHIFTS: Final = """
    new Promise(resolve => {
        let sum = 0;
        new PerformanceObserver(list => {
            for (const each of list.getEntries()) sum += each.value;
        }).observe({ type: "layout-shift", buffered: true });
        setTimeout(() => resolve(sum), 300);
    })
"""
SERIOUS: Final = {"serious", "critical"}


@pytest.fixture(scope="module")
async def axe() -> str:
    """The script that finds what would be in somebody's way."""
    folder = await installed(FOLDER)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


async def hindrances(person: Person, axe: str) -> list[str]:
    """What is in somebody's way on the page as it is."""
    if not await person.page.evaluate("typeof axe !== 'undefined'"):
        await person.page.evaluate(axe)
    found: dict[str, Any] = await person.page.evaluate("axe.run()")
    return [
        f"{each['id']}: {node['html']} {node.get('failureSummary', '')}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


async def is_wide(person: Person) -> bool:
    """Whether the page is wider than the screen."""
    return bool(
        await person.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_is_in_anybodys_way(
    browser: Browser, server: Server, staff: Staff, axe: str, scheme: Any
) -> None:
    """Of no view and no dialog, in the light and in the dark."""
    await staff.token(f"looked at {scheme}", role="read-only", expires="1h")
    async with await browser.new_context(color_scheme=scheme) as context:
        person = await Person.at(context, server)
        await expect(person.page.get_by_role("form")).to_be_visible()
        assert await hindrances(person, axe) == []
        await person.sign_in("root", server.root_password)
        await person.page.get_by_label(f"Select looked at {scheme}").check()
        assert await hindrances(person, axe) == []
        await person.shoot(f"tokens-{scheme}")
        row = person.row(f"looked at {scheme}")
        for action in ("Edit", "Rotate", "Delete", "Usage of"):
            await person.press(f"{action} looked at {scheme}", within=row)
            await expect(person.page.locator("dialog")).to_be_visible()
            assert await hindrances(person, axe) == [], action
            await person.page.keyboard.press("Escape")
        await person.press("Add token")
        await person.page.get_by_role("radio", name="Custom").check()
        await person.press("Edit token value")
        assert await hindrances(person, axe) == []
        await person.page.keyboard.press("Escape")
        for view in ("Users", "Audit", "Service"):
            await person.go(view)
            await person.settled()
            await expect(person.page.get_by_role("heading", level=1)).to_be_visible()
            assert await hindrances(person, axe) == [], view
        person.check()


async def test_a_phone_shows_all_of_it(browser: Browser, server: Server, staff: Staff) -> None:
    """At 360 pixels nothing is cut off, and everything can be done."""
    await staff.token("w" * 255)
    size: Any = {"width": 360, "height": 740}
    async with await browser.new_context(viewport=size, has_touch=True) as context:
        person = await Person.at(context, server)
        assert not await is_wide(person)
        await person.sign_in("root", server.root_password)
        assert not await is_wide(person)
        await person.shoot("phone")
        await person.press("Add token")
        await person.shoot("phone-add")
        dialog = person.dialog("Add API token")
        await dialog.get_by_label("Name").fill("by thumb")
        await person.press("Add token", within=dialog)
        await person.secret("Token added")
        await person.press("Delete by thumb", within=person.row("by thumb"))
        await person.press("Yes, delete API token")
        await expect(person.row("by thumb")).to_have_count(0)
        for view in ("Users", "Audit", "Service"):
            await person.go(view)
            await person.settled()
            assert not await is_wide(person), view
        person.check()


async def test_names_are_text(root: Person, staff: Staff) -> None:
    """Whatever is in them: nothing of it is obeyed, and none is in another's way."""
    for name in ODD:
        await staff.token(name)
    for name in ODD:
        await expect(root.row(name)).to_be_visible()
        await root.press(f"Delete {name}", within=root.row(name))
        await expect(root.page.get_by_role("alertdialog")).to_contain_text(name)
        await root.page.keyboard.press("Escape")
    assert (await root.page.title()).startswith("Tokens")
    assert await root.page.locator("main img").count() == 0
    assert not await is_wide(root)
    await root.shoot("odd-names")


async def test_a_keyboard_is_enough(context: BrowserContext, server: Server, staff: Staff) -> None:
    """From signing in to deleting a token, without a mouse."""
    person = await Person.at(context, server)
    name, keyboard = await staff.user(), person.page.keyboard
    await expect(person.page.get_by_label("Name")).to_be_focused()
    await keyboard.type(name)
    await keyboard.press("Tab")
    await keyboard.type("correct horse battery")
    await keyboard.press("Enter")
    button = person.page.get_by_role("button", name="Add token", exact=True)
    await expect(button).to_be_visible()
    await button.focus()
    await keyboard.press("Enter")
    await expect(person.dialog("Add API token").get_by_label("Name")).to_be_focused()
    await keyboard.type("typed")
    await keyboard.press("Enter")
    shown = person.dialog("Token added")
    await expect(shown).to_be_visible()
    await shown.get_by_role("button", name="I have copied it").focus()
    await keyboard.press("Enter")
    await expect(button).to_be_focused()
    await keyboard.press("/")
    await expect(person.page.get_by_role("search").get_by_label("Name")).to_be_focused()
    await keyboard.type("type")
    await expect(person.row("typed")).to_be_visible()
    cross = person.page.get_by_role("button", name="Delete typed")
    await cross.focus()
    await keyboard.press("Enter")
    await expect(person.page.get_by_role("button", name="No", exact=True)).to_be_focused()
    await keyboard.press("Escape")
    await expect(cross).to_be_focused()
    await keyboard.press("Enter")
    await keyboard.press("Tab")
    await keyboard.press("Enter")
    await expect(person.page.get_by_text("No token is like that.")).to_be_visible()
    person.check()


async def test_a_keyboard_stays_where_it_is(root: Person, staff: Staff) -> None:
    """At its line when that is drawn anew, at the next one when it is gone."""
    made = [await staff.token(f"kept {n}", role="read-only") for n in range(3)]
    keyboard = root.page.keyboard
    arrow = root.page.get_by_role("button", name="Sort by name, ascending")
    await arrow.focus()
    await keyboard.press("Enter")
    await root.settled()
    await expect(arrow).to_be_focused()
    switch = root.row("kept 0").get_by_role("switch")
    await switch.focus()
    async with root.page.expect_response("**/set-enabled"):
        await keyboard.press("Space")
    await expect(root.page.get_by_text("kept 0 disabled")).to_be_attached()
    await expect(switch).to_be_focused()
    pencil = root.page.get_by_role("button", name="Edit kept 1")
    await pencil.focus()
    await keyboard.press("Enter")
    await expect(root.dialog("Edit kept 1")).to_be_visible()
    await staff.call("api-tokens/set-enabled", made[1]["id"], False)
    shown = root.page.get_by_role("switch", name="kept 1 is enabled", include_hidden=True)
    await expect(shown).not_to_be_checked()
    await keyboard.press("Escape")
    await expect(pencil).to_be_focused()
    await root.page.get_by_role("button", name="Delete kept 1").focus()
    for key in ("Enter", "Tab", "Enter"):
        await keyboard.press(key)
    await expect(root.row("kept 1")).to_have_count(0)
    await expect(root.page.get_by_role("button", name="Delete kept 2")).to_be_focused()


async def test_one_skips_to_the_content(root: Person) -> None:
    """Of the view one is at; an address that is none leads to the tokens."""
    await root.go("Users")
    await expect(root.page.get_by_role("heading", name="Users")).to_be_visible()
    await root.page.get_by_role("link", name="Skip to content").focus()
    await root.page.keyboard.press("Enter")
    await expect(root.page.get_by_role("main")).to_be_focused()
    await expect(root.page.get_by_role("heading", name="Users")).to_be_visible()
    for name in ("nowhere", "constructor"):
        await root.page.evaluate(f"location.hash = '{name}'")
        await expect(root.page.get_by_role("heading", name="API tokens")).to_be_visible()


async def test_a_first_load_is_small(context: BrowserContext, server: Server) -> None:
    """All files together, compressed, as they go over the wire; all of them from here."""
    person = await Person.at(context, server)
    await expect(person.page.get_by_role("form")).to_be_visible()
    sizes: dict[str, int] = await person.page.evaluate(
        "Object.fromEntries(performance.getEntriesByType('resource')"
        ".concat(performance.getEntriesByType('navigation'))"
        ".map(each => [each.name, each.transferSize]))"
    )
    assert all(name.startswith(server.url) for name in sizes)
    assert f"{server.url}/console/tokens.js" in sizes
    assert 10_000 < sum(sizes.values()) < LARGEST, sizes


async def test_nothing_moves_while_it_loads(root: Person, staff: Staff) -> None:
    """What one is about to press stays where it is."""
    await staff.token("still")
    await root.page.reload()
    await expect(root.row("still")).to_be_visible()
    assert await root.page.evaluate(SHIFTS) < 0.05
    place = "row => row.getBoundingClientRect().top + scrollY"
    before = await root.row("still").evaluate(place)
    await root.page.get_by_label("Select still").check()
    await expect(root.page.get_by_role("region", name="Selected tokens")).to_be_visible()
    assert await root.row("still").evaluate(place) == before


async def test_a_strict_policy_keeps_strangers_out(server: Server, context: BrowserContext) -> None:
    """Neither scripts in the page nor anything from elsewhere would run."""
    person = await Person.at(context, server)
    response = await person.page.reload()
    assert response
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "frame-ancestors 'none'" in policy
    await person.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        " { textContent: 'document.title = \"broken\"' }))"
    )
    assert "broken" not in await person.page.title()
    assert "Content Security Policy" in "".join(person.problems)

"""What happens elsewhere appears by itself, with and without a WebSocket."""

from playwright.async_api import BrowserContext, expect

from tests.console.person import Person, Staff
from tests.support import Server


async def test_changes_elsewhere_appear(root: Person, staff: Staff) -> None:
    """What is made, renamed, disabled and deleted by others, without anything being pressed."""
    await expect(root.page.get_by_text("Live", exact=True)).to_be_visible()
    made = await staff.token("seen live")
    row = root.row("seen live")
    await expect(row).to_be_visible()
    await staff.call("api-tokens/set-enabled", made["id"], False)
    await expect(row.get_by_role("switch")).not_to_be_checked()
    await staff.call("api-tokens/update", made["id"], {"name": "renamed live"})
    await expect(row).to_have_count(0)
    await expect(root.row("renamed live")).to_be_visible()
    await staff.call("api-tokens/delete", made["id"])
    await expect(root.row("renamed live")).to_have_count(0)


async def test_another_tab_sees_it(root: Person, context: BrowserContext, server: Server) -> None:
    """What one does in one tab, the other one shows."""
    other = await Person.at(context, server)
    await other.settled()
    await root.add("from the other tab")
    await expect(other.row("from the other tab")).to_be_visible()
    other.check()


async def test_what_is_being_typed_stays(root: Person, staff: Staff) -> None:
    """A change elsewhere does not take a dialog away, nor what was selected."""
    await staff.token("selected")
    await root.page.get_by_label("Select selected").check()
    await root.press("Add token")
    dialog = root.dialog("Add API token")
    await dialog.get_by_label("Name").fill("half typed")
    await staff.token("a neighbour")
    await expect(root.page.get_by_label("Select a neighbour")).to_be_attached()
    await expect(dialog.get_by_label("Name")).to_have_value("half typed")
    await root.press("Cancel", within=dialog)
    await expect(root.page.get_by_label("Select selected")).to_be_checked()


async def test_works_without_a_websocket(
    context: BrowserContext, server: Server, staff: Staff
) -> None:
    """It says so, and looks again now and then."""
    await context.route_web_socket("**", lambda socket: socket.close())
    person = await Person.at(context, server)
    await person.sign_in("root", server.root_password)
    await expect(person.page.get_by_text("Not live", exact=True)).to_be_visible()
    await staff.token("seen later")
    await expect(person.row("seen later")).to_be_visible(timeout=30_000)
    await person.add("made without")
    await expect(person.row("made without")).to_be_visible()
    person.check()


async def test_two_people_at_once(root: Person, server: Server, staff: Staff) -> None:
    """Each sees their own."""
    browser = root.page.context.browser
    assert browser
    async with await browser.new_context() as context:
        alice = await Person.at(context, server)
        await alice.sign_in(await staff.user())
        await alice.add("alice's own")
        await root.add("root's own")
        await expect(alice.row("alice's own")).to_be_visible()
        assert await alice.names() == ["alice's own"]
        assert "alice's own" not in await root.names()
        alice.check()

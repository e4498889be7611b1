"""Signing in and out, and a session that ends meanwhile."""

from playwright.async_api import BrowserContext, expect

from tests.console.person import PASSWORD, Person, Staff
from tests.support import Server


async def test_signs_in_and_out(context: BrowserContext, server: Server, staff: Staff) -> None:
    """A stranger sees the form alone; who has signed out is one again, after a reload too."""
    person = await Person.at(context, server)
    await expect(person.page.get_by_role("form", name="Sign in")).to_be_visible()
    await expect(person.page.get_by_role("navigation")).to_have_count(0)
    await person.shoot("sign-in")
    name = await staff.user()
    await person.sign_in(name)
    await expect(person.page.get_by_role("banner")).to_contain_text(name)
    await person.page.reload()
    await expect(person.page.get_by_role("button", name="Sign out")).to_be_visible()
    await person.press("Sign out")
    await expect(person.page.get_by_role("form", name="Sign in")).to_be_visible()
    await person.page.reload()
    await expect(person.page.get_by_role("form", name="Sign in")).to_be_visible()
    person.check()


async def test_a_wrong_password_is_told(
    context: BrowserContext, server: Server, staff: Staff
) -> None:
    """In words; the name stays, and with the right one it goes on."""
    person = await Person.at(context, server)
    name = await staff.user()
    await person.page.get_by_label("Name").fill(name)
    await person.page.get_by_label("Password").fill("a wrong password")
    await person.press("Sign in")
    await expect(person.page.get_by_role("alert")).to_contain_text("password")
    await expect(person.page.get_by_label("Name")).to_have_value(name)
    await person.sign_in(name)
    person.check()


async def until_live(context: BrowserContext, server: Server, name: str) -> Person:
    """Somebody who has signed in, and hears of changes."""
    person = await Person.at(context, server)
    await person.sign_in(name)
    await expect(person.page.get_by_text("Live", exact=True)).to_be_visible()
    await person.page.wait_for_load_state("networkidle")
    return person


async def sign_in_again(person: Person, name: str) -> None:
    """Sign in where one is asked to, as the one who did before."""
    again = person.dialog("Sign in again")
    await expect(again).to_contain_text("Your session has ended")
    await expect(again.get_by_label("Name")).to_have_value(name)
    await again.get_by_label("Password").fill(PASSWORD)
    await person.press("Sign in", within=again)
    await expect(again).to_have_count(0)


async def test_a_session_that_ends_loses_nothing(
    context: BrowserContext, server: Server, staff: Staff
) -> None:
    """Who is in the middle of something signs in again, and it is done."""
    name = await staff.user()
    person = await until_live(context, server, name)
    await person.press("Add token")
    dialog = person.dialog("Add API token")
    await dialog.get_by_label("Name").fill("typed before")
    await context.clear_cookies()
    await person.press("Add token", within=dialog)
    await sign_in_again(person, name)
    secret = await person.secret("Token added")
    assert await staff.works(secret)
    await expect(person.row("typed before")).to_be_visible()
    person.check()


async def test_a_service_that_is_away_is_told(context: BrowserContext, server: Server) -> None:
    """Who opens the console then may try again."""
    await context.route("**/v1/**", lambda route: route.abort())
    person = await Person.at(context, server)
    await expect(person.page.get_by_role("alert")).to_have_text("The service cannot be reached.")
    await context.unroute("**/v1/**")
    await person.press("Try again")
    await expect(person.page.get_by_role("form", name="Sign in")).to_be_visible()
    person.check()


async def test_a_session_that_ends_leaves_one_live(
    context: BrowserContext, server: Server, staff: Staff
) -> None:
    """Who signs in again hears of changes at once, and of nothing twice."""
    name = await staff.user()
    person = await until_live(context, server, name)
    await context.clear_cookies()
    arrow = person.page.get_by_role("button", name="Sort by name, descending")
    await arrow.dispatch_event("click")  # the dialog may be there already: it looked by itself
    await expect(person.dialog("Sign in again")).to_be_visible()
    for _ in range(2):
        await person.page.keyboard.press("Escape")
    await sign_in_again(person, name)
    await person.page.wait_for_timeout(4000)  # as long as a lost connection takes to be told
    await expect(person.page.get_by_text("Live", exact=True)).to_be_visible()
    await person.add("heard of")
    person.check()


async def test_a_sign_out_that_fails_is_told(root: Person) -> None:
    """Who cannot sign out is not told that they have, and is where they were."""
    where = "**/v1/session/sign-out"
    await root.page.route(where, lambda route: route.abort())
    await root.press("Sign out")
    await expect(root.page.get_by_role("alert")).to_have_text("The service cannot be reached.")
    await expect(root.page.get_by_role("heading", name="API tokens")).to_be_visible()
    await root.page.unroute(where)
    await root.press("Sign out")
    await expect(root.page.get_by_role("form", name="Sign in")).to_be_visible()
    await expect(root.page.get_by_role("alert")).to_have_count(0)


async def test_another_tab_follows_who_signs_in(
    context: BrowserContext, server: Server, staff: Staff
) -> None:
    """A tab whose session was ended in another one is that of who signs in there."""
    one, other = await Person.at(context, server), await Person.at(context, server)
    first, second = await staff.user(), await staff.user()
    await one.sign_in(first)
    await other.page.reload()
    await expect(other.page.get_by_role("banner")).to_contain_text(first)
    await expect(other.page.get_by_text("Live", exact=True)).to_be_visible()
    await one.press("Sign out")
    await expect(one.page.get_by_role("form", name="Sign in")).to_be_visible()
    await one.sign_in(second)
    await other.page.bring_to_front()
    again = other.dialog("Sign in again")
    await expect(other.page.get_by_role("banner").get_by_text(second).or_(again)).to_be_visible()
    if await again.count():  # it looked in between, and found nobody
        await again.get_by_label("Name").fill(second)
        await again.get_by_label("Password").fill(PASSWORD)
        await other.press("Sign in", within=again)
    await expect(other.page.get_by_role("banner")).to_contain_text(second)
    await one.add("made in one")
    await expect(other.row("made in one")).to_be_visible()
    other.check()

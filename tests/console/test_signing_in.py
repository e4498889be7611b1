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


async def test_a_session_that_ends_loses_nothing(
    context: BrowserContext, server: Server, staff: Staff
) -> None:
    """Who is in the middle of something signs in again, and it is done."""
    person = await Person.at(context, server)
    name = await staff.user()
    await person.sign_in(name)
    await expect(person.page.get_by_text("Live", exact=True)).to_be_visible()
    await person.page.wait_for_load_state("networkidle")
    await person.press("Add token")
    dialog = person.dialog("Add API token")
    await dialog.get_by_label("Name").fill("typed before")
    await context.clear_cookies()
    await person.press("Add token", within=dialog)
    again = person.dialog("Sign in again")
    await expect(again).to_contain_text("Your session has ended")
    await expect(again.get_by_label("Name")).to_have_value(name)
    await again.get_by_label("Password").fill(PASSWORD)
    await person.press("Sign in", within=again)
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

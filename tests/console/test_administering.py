"""What administrators do: the switch of the API, users, what has happened, how much is verified."""

from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.console.person import PASSWORD, Person, Staff
from tests.support import Server, until


async def test_others_are_not_offered_it(
    context: BrowserContext, server: Server, staff: Staff
) -> None:
    """Nor do they come to it by an address."""
    person = await Person.at(context, server, "/#users")
    await person.sign_in(await staff.user())
    links = await person.page.get_by_role("navigation").get_by_role("link").all_text_contents()
    assert links == ["Tokens", "Audit"]
    await expect(person.page.get_by_role("heading", name="API tokens")).to_be_visible()
    person.check()


async def test_switches_the_api_off_and_on(root: Person, staff: Staff) -> None:
    """With a warning above everything while it is off."""
    secret = (await staff.token("any"))["token"]
    await root.go("Service")
    await root.press("Switch the API off")
    await root.press("No")
    assert await staff.works(secret)
    await root.press("Switch the API off")
    await root.press("Yes, switch the API off")
    notice = root.page.get_by_role("region", name="Notice")
    await expect(notice).to_contain_text("The API is switched off.")
    assert not await staff.works(secret)
    await root.page.reload()
    await expect(notice).to_contain_text("Every API token is refused.")
    await root.shoot("switched-off")
    await root.press("Switch it on")
    await expect(notice).to_be_hidden()
    assert await staff.works(secret)


async def test_adds_a_user(root: Person, staff: Staff, server: Server) -> None:
    """With a password and permissions; what is wrong is told beside its field."""
    await root.go("Users")
    await root.press("Add user")
    dialog = root.dialog("Add user")
    await dialog.get_by_label("Name").fill("carol")
    await dialog.get_by_label("Password").fill("short")
    await root.press("Add user", within=dialog)
    await expect(dialog.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("Password").fill(PASSWORD)
    await expect(dialog.get_by_label("Read")).to_be_checked()
    await dialog.get_by_label("Write").uncheck()
    await root.press("Add user", within=dialog)
    await expect(root.row("carol")).to_contain_text("read")
    await expect(root.row("carol")).not_to_contain_text("write")
    await root.shoot("users")
    browser = root.page.context.browser
    assert browser
    async with await browser.new_context() as other:
        carol = await Person.at(other, server)
        await carol.sign_in("carol")


async def test_changes_a_user(root: Person, staff: Staff) -> None:
    """Permissions, password, whether they are let in; and deletes them when one is sure."""
    name = await staff.user()
    await root.go("Users")
    row = root.row(name)
    await root.press(f"Permissions of {name}", within=row)
    await root.dialog(f"Permissions of {name}").get_by_label("Verify").check()
    await root.press("Save")
    await expect(row).to_contain_text("verify")
    await root.press(f"Password of {name}", within=row)
    await root.dialog(f"Password of {name}").get_by_label("Password").fill(PASSWORD * 2)
    await root.press("Set password")
    await expect(root.page.get_by_role("dialog")).to_have_count(0)
    assert await staff.call("session/sign-in", name, PASSWORD * 2)
    await row.get_by_role("switch").click()
    await until(lambda: is_enabled(staff, name, False))
    await root.press(f"Delete {name}", within=row)
    await root.press("Yes, delete user")
    await expect(row).to_have_count(0)
    assert await staff.call("users/read", {"where": {"name": name}}) == []


async def is_enabled(staff: Staff, name: str, expected: bool) -> bool:
    """Whether a user is let in, or not, as expected."""
    [user] = await staff.call("users/read", {"where": {"name": name}})
    return user["enabled"] is expected


async def test_the_last_root_stays(root: Person) -> None:
    """It is told why, and looks as it is."""
    await root.go("Users")
    await root.row("root").get_by_role("switch").click()
    await expect(root.page.get_by_role("alert")).to_contain_text("root")
    await expect(root.row("root").get_by_role("switch")).to_be_checked()


async def test_tells_what_has_happened(root: Person, staff: Staff) -> None:
    """The newest first; by what it is about, by what was done, since when."""
    await staff.token("audited <i>name</i>")
    await root.go("Audit")
    table = root.page.get_by_role("table", name="Audit trail")
    first = table.get_by_role("row").nth(1)
    await expect(first).to_contain_text("api-tokens/create")
    await expect(first).to_contain_text("audited <i>name</i>")
    await root.shoot("audit")
    search = root.page.get_by_role("search")
    await search.get_by_label("About").select_option(label="session")
    await expect(first).to_contain_text("session/sign-in")
    await search.get_by_label("Action").fill("nothing")
    await expect(root.page.get_by_text("Nothing like that has happened.")).to_be_visible()
    await search.get_by_label("About").select_option(label="Everything")
    await search.get_by_label("Action").fill("tokens/cre")
    await expect(first).to_contain_text("api-tokens/create")
    await search.get_by_label("Since").fill("2099-01-01")
    await expect(root.page.get_by_text("Nothing like that has happened.")).to_be_visible()


async def test_tells_what_it_came_to(root: Person, staff: Staff) -> None:
    """What was switched off too, and of permissions those that are held."""
    made = await staff.token("told of", permissions={"read": True})
    await staff.call("api-tokens/set-enabled", made["id"], False)
    await staff.call("api-tokens/set-permissions", made["id"], {"verify": True, "read": False})
    await staff.call("api-tokens/update-permissions", made["id"], {"verify": False})
    await root.go("Audit")
    rows = root.page.get_by_role("table", name="Audit trail").get_by_role("row")
    for place, (action, told) in enumerate(
        (
            ("api-tokens/update-permissions", "told of permissions: not verify"),
            ("api-tokens/set-permissions", "told of permissions: verify"),
            ("api-tokens/set-enabled", "told of enabled: no"),
            ("api-tokens/create", "told of permissions: read"),
        ),
        1,
    ):
        await expect(rows.nth(place)).to_contain_text(action)
        await expect(rows.nth(place).get_by_role("cell").last).to_have_text(told)


async def opened(person: Person, staff: Staff) -> None:
    """Look at the days of the service as a table, once something is counted."""
    made = await staff.token("verified")
    await staff.call("api-tokens/verify", made["token"])
    picture = person.page.get_by_role("img", name="Verifications of the service")

    async def is_there() -> bool:
        await person.go("Tokens")
        await person.go("Service")
        await person.settled()
        return await picture.count() > 0

    await until(is_there)
    await person.page.get_by_text("Show as a table").click()


async def test_shows_how_much_is_verified(root: Person, staff: Staff) -> None:
    """By the whole service, on each of 30 days."""
    await opened(root, staff)
    await expect(root.page.get_by_role("row")).to_have_count(31)
    await root.shoot("service")


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Pacific/Kiritimati"])
async def test_days_are_those_of_the_service(
    browser: Browser, server: Server, staff: Staff, zone: str
) -> None:
    """Wherever somebody is: the newest one is today by UTC, as it is counted."""
    async with await browser.new_context(locale="en-US", timezone_id=zone) as context:
        person = await Person.at(context, server)
        await person.sign_in("root", server.root_password)
        await opened(person, staff)
        now = datetime.now(UTC)
        today = f"{now:%b} {now.day}, {now.year}"
        await expect(person.page.get_by_role("row").nth(1)).to_contain_text(today)
        person.check()


@pytest.mark.parametrize("view", ["Users", "Audit"])
async def test_what_cannot_be_read_is_told(root: Person, view: str) -> None:
    """With an offer to try again."""
    where = f"**/v1/{view.lower()}/read"
    await root.page.route(where, lambda route: route.abort())
    await root.go(view)
    await expect(root.page.get_by_role("alert")).to_contain_text("cannot be reached")
    await root.page.unroute(where)
    await root.press("Try again")
    await expect(root.page.get_by_role("alert")).to_have_count(0)
    await expect(root.page.get_by_role("row").nth(1)).to_be_visible()

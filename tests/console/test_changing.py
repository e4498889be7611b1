"""Adding, editing, switching, rotating and deleting tokens; what goes wrong, and nothing lost."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import BrowserContext, Locator, Request, Route, expect

from tests.console.person import Person, Staff
from tests.support import Server, until

OWN = "Correct-horse-battery-staple-42"


@pytest.fixture
async def person(
    context: BrowserContext, server: Server, staff: Staff
) -> AsyncIterator[tuple[Person, Staff]]:
    """Somebody who may read and write, signed in."""
    person = await Person.at(context, server)
    await person.sign_in(await staff.user())
    yield person, staff
    person.check()


async def opened(person: Person) -> Locator:
    """The dialog in which a token is added."""
    await person.press("Add token")
    return person.dialog("Add API token")


async def test_shows_the_secret_once(root: Person, staff: Staff) -> None:
    """With a line to paste that works, and a warning; afterwards it is nowhere."""
    await root.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog = await opened(root)
    await root.shoot("add")
    await dialog.get_by_label("Name").fill("once")
    await dialog.get_by_label("Read and Write").check()
    await root.press("Add token", within=dialog)
    shown = root.dialog("Token added")
    await expect(shown).to_contain_text("It will not be shown again.")
    for _ in range(3):
        await root.page.keyboard.press("Escape")
    await root.shoot("secret")
    secret = await shown.get_by_label("Secret", exact=True).text_content()
    command = str(await shown.get_by_label("Command", exact=True).text_content())
    await root.press("Copy secret", within=shown)
    await expect(shown.get_by_role("button", name="Copy secret")).to_have_text("Copied")
    assert await root.page.evaluate("navigator.clipboard.readText()") == secret
    await root.press("I have copied it", within=shown)
    assert str(secret) not in await root.page.content()
    row = await staff.call("session/read", token=str(secret))
    assert row["permissions"] == {"read": True, "write": True}
    assert '"name":"once"' in await pasted(command)


async def pasted(command: str) -> str:
    """What a line prints in a shell."""
    if shutil.which("curl") is None and not os.environ.get("CI"):
        pytest.skip("curl is not installed")
    shell = await asyncio.create_subprocess_shell(
        command.replace("curl ", "curl --silent --fail ", 1), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await shell.communicate()
    assert shell.returncode == 0, command
    return printed.decode()


async def test_offers_what_one_holds(person: tuple[Person, Staff]) -> None:
    """What the person may not grant cannot be ticked."""
    someone, staff = person
    dialog = await opened(someone)
    await expect(dialog.get_by_label("Read-Only")).to_be_checked()
    await expect(dialog.get_by_role("radio", name="Admin")).to_be_disabled()
    await expect(dialog.get_by_role("group", name="Permissions")).to_have_count(0)
    await dialog.get_by_label("Custom").check()
    boxes = dialog.get_by_role("group", name="Permissions")
    await expect(boxes.get_by_label("Administer")).to_be_disabled()
    await expect(boxes.get_by_label("Verify")).to_be_disabled()
    await boxes.get_by_label("Write").check()
    await dialog.get_by_label("Name").fill("custom")
    await someone.press("Add token", within=dialog)
    secret = await someone.secret("Token added")
    assert (await staff.call("session/read", token=secret))["permissions"] == {"write": True}
    await expect(someone.row("custom")).to_contain_text("Custom write")


async def test_expires_when_one_says(person: tuple[Person, Staff]) -> None:
    """After a time, or at the end of a day."""
    someone, staff = person
    dialog = await opened(someone)
    await dialog.get_by_label("Name").fill("soon")
    await dialog.get_by_label("Expires").select_option(label="In 7 days")
    await someone.press("Add token", within=dialog)
    soon = await staff.call("session/read", token=await someone.secret("Token added"))
    left = datetime.fromisoformat(soon["api_token"]["expires"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    dialog = await opened(someone)
    await dialog.get_by_label("Name").fill("later")
    await dialog.get_by_label("Expires", exact=True).select_option(label="On a date…")
    await dialog.get_by_label("Expiry date").fill("2031-05-17")
    await someone.press("Add token", within=dialog)
    later = await staff.call("session/read", token=await someone.secret("Token added"))
    assert later["api_token"]["expires"].startswith("2031-05-17")


async def test_takes_a_value_of_ones_own(person: tuple[Person, Staff]) -> None:
    """How strong it is is told as one types; one that is too weak is refused beside it."""
    someone, staff = person
    dialog = await opened(someone)
    await dialog.get_by_label("Name").fill("own")
    await expect(dialog.get_by_label("Token value", exact=True)).to_be_hidden()
    await someone.press("Edit token value", within=dialog)
    value = dialog.get_by_label("Token value", exact=True)
    for typed, said in (
        ("short", "Too short: 5 of at least 20 characters."),
        ("a" * 30, "Too few different characters: 1 of at least 8."),
        (OWN, "Strong, if it is random."),
        ("with a space in the middle", "Only visible ASCII characters, without spaces."),
        ("abcdefgh" * 4, "Weak: longer or more varied would be better."),
    ):
        await value.fill(typed)
        await expect(dialog.get_by_role("status")).to_have_text(said)
    await someone.press("Add token", within=dialog)
    await expect(value).to_have_attribute("aria-invalid", "true")
    await expect(dialog).to_contain_text("Must not be a repetition of a shorter text")
    await value.fill(OWN)
    await someone.press("Add token", within=dialog)
    assert await someone.secret("Token added") == OWN
    assert await staff.works(OWN)


async def test_errors_stand_beside_their_field(person: tuple[Person, Staff]) -> None:
    """And go when they are mended; nothing typed is lost."""
    someone, _ = person
    dialog = await opened(someone)
    await dialog.get_by_label("Expires", exact=True).select_option(label="On a date…")
    await dialog.get_by_label("Expiry date").fill("2020-01-01")
    await someone.press("Add token", within=dialog)
    name = dialog.get_by_label("Name")
    await expect(name).to_have_attribute("aria-invalid", "true")
    await expect(name).to_be_focused()
    assert await name.evaluate("e => document.getElementById(e.id + '-wrong').textContent")
    await name.fill("mended")
    await someone.press("Add token", within=dialog)
    await expect(name).not_to_have_attribute("aria-invalid", "true")
    date = dialog.get_by_label("Expiry date")
    await expect(date).to_have_attribute("aria-invalid", "true")
    await expect(date).to_be_focused()
    await someone.shoot("fault")
    await expect(name).to_have_value("mended")
    await dialog.get_by_label("Expires", exact=True).select_option(label="Never")
    await someone.press("Add token", within=dialog)
    await someone.secret("Token added")
    await expect(someone.row("mended")).to_be_visible()


@pytest.mark.parametrize("status", [None, 503])
async def test_a_lost_connection_keeps_the_form(
    person: tuple[Person, Staff], status: int | None
) -> None:
    """It offers to try again."""
    someone, _ = person
    where = "**/v1/api-tokens/create"
    if status is None:
        await someone.page.route(where, lambda route: route.abort())
    else:
        await someone.page.route(where, lambda route: route.fulfill(status=503, body="busy"))
    dialog = await opened(someone)
    await dialog.get_by_label("Name").fill("kept")
    await someone.press("Add token", within=dialog)
    await expect(dialog.get_by_role("alert")).to_contain_text("What you typed is still here.")
    await expect(dialog.get_by_label("Name")).to_have_value("kept")
    await someone.page.unroute(where)
    await someone.press("Try again", within=dialog)
    await someone.secret("Token added")
    await expect(someone.row("kept")).to_be_visible()


async def test_edits_what_one_sees(person: tuple[Person, Staff]) -> None:
    """Name, access, expiry and value; what is not touched stays."""
    someone, staff = person
    secret = await someone.add("before")
    await someone.press("Edit before", within=someone.row("before"))
    dialog = someone.dialog("Edit before")
    await expect(dialog.get_by_label("Name")).to_have_value("before")
    await expect(dialog.get_by_label("Read-Only")).to_be_checked()
    await expect(dialog.get_by_label("Expires", exact=True)).to_contain_text("As it is: never")
    await dialog.get_by_label("Name").fill("after")
    await dialog.get_by_label("Analyst").check()
    await dialog.get_by_label("Expires", exact=True).select_option(label="In 30 days")
    await someone.press("Save", within=dialog)
    row = someone.row("after")
    await expect(row).to_contain_text("Analyst")
    shown = await staff.call("session/read", token=secret)
    assert shown["permissions"] == {"read": True, "write": True}
    assert shown["api_token"]["expires"] is not None
    await someone.press("Edit after", within=row)
    dialog = someone.dialog("Edit after")
    await dialog.get_by_label("Custom").check()
    await dialog.get_by_role("group", name="Permissions").get_by_label("Read").uncheck()
    await someone.press("Save", within=dialog)
    await expect(row).to_contain_text("Custom write")
    assert (await staff.call("session/read", token=secret))["permissions"] == {"write": True}
    value = OWN[::-1]
    await someone.press("Edit after", within=row)
    dialog = someone.dialog("Edit after")
    await someone.press("Edit token value", within=dialog)
    await dialog.get_by_label("Token value", exact=True).fill(value)
    await someone.press("Save", within=dialog)
    await expect(dialog).to_have_count(0)
    assert [await staff.works(each) for each in (secret, value)] == [False, True]


async def test_switches_a_token_off_and_on(person: tuple[Person, Staff]) -> None:
    """In its row."""
    someone, staff = person
    secret = await someone.add("switched")
    switch = someone.row("switched").get_by_role("switch")
    for enabled in (False, True):
        await switch.click()
        await until(lambda: same(staff, secret, enabled))  # noqa: B023 - it is awaited at once
        await expect(switch).to_be_checked(checked=enabled)


async def same(staff: Staff, secret: str, expected: bool) -> bool:
    """Whether a token is taken, or not, as expected."""
    return await staff.works(secret) is expected


async def test_rotates_with_a_grace(person: tuple[Person, Staff]) -> None:
    """Both secrets work, it is told whether the old one is used, and it can be ended."""
    someone, staff = person
    old = await someone.add("turned")
    row = someone.row("turned")
    await someone.press("Rotate turned", within=row)
    dialog = someone.dialog("Rotate turned")
    await dialog.get_by_label("The old secret stops working").select_option(label="In an hour")
    await someone.press("Rotate", within=dialog)
    new = await someone.secret("New secret")
    await expect(row).to_contain_text("rotating")
    await someone.press("Rotate turned", within=row)
    await expect(dialog).to_contain_text("Nobody has used it since.")
    await someone.press("Cancel", within=dialog)
    assert [await staff.works(each) for each in (old, new)] == [True, True]

    async def is_told() -> bool:
        await someone.press("Rotate turned", within=row)
        told = "somebody still has it" in str(await dialog.text_content())
        if not told:
            await someone.press("Cancel", within=dialog)
        return told

    await until(is_told)
    await someone.shoot("rotating")
    await someone.press("End the old secret now", within=dialog)
    await expect(row).not_to_contain_text("rotating")
    assert [await staff.works(each) for each in (old, new)] == [False, True]


async def test_a_rotation_whose_answer_is_lost(person: tuple[Person, Staff]) -> None:
    """Asked for again it is the same one: the old secret goes on, as was wanted."""
    someone, staff = person
    old = await someone.add("answered late")
    row = someone.row("answered late")

    async def lost(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await someone.page.route("**/v1/api-tokens/rotate", lost)
    await someone.press("Rotate answered late", within=row)
    dialog = someone.dialog("Rotate answered late")
    await dialog.get_by_label("The old secret stops working").select_option(label="In an hour")
    await someone.press("Rotate", within=dialog)
    await expect(dialog.get_by_role("alert")).to_contain_text("cannot be reached")
    await someone.page.unroute("**/v1/api-tokens/rotate")
    await someone.press("Try again", within=dialog)
    new = await someone.secret("New secret")
    assert [await staff.works(each) for each in (old, new)] == [True, True]


async def test_nothing_closes_what_waits_for_a_secret(person: tuple[Person, Staff]) -> None:
    """Neither Escape nor "Cancel", until it is answered."""
    someone, staff = person
    held = asyncio.Event()

    async def late(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await someone.page.route("**/v1/api-tokens/create", late)
    dialog = await opened(someone)
    await dialog.get_by_label("Name").fill("waited for")
    await someone.press("Add token", within=dialog)
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_disabled()
    for _ in range(3):
        await someone.page.keyboard.press("Escape")
    await expect(dialog).to_be_visible()
    held.set()
    assert await staff.works(await someone.secret("Token added"))


async def test_deletes_when_one_is_sure(person: tuple[Person, Staff]) -> None:
    """Escape and "No" keep the token."""
    someone, staff = person
    secret = await someone.add("doomed")
    row = someone.row("doomed")
    dialog = someone.page.get_by_role("alertdialog", name="Delete API token?")
    await someone.press("Delete doomed", within=row)
    await someone.shoot("delete")
    await someone.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await someone.press("Delete doomed", within=row)
    await someone.press("No", within=dialog)
    assert await staff.works(secret)
    await someone.press("Delete doomed", within=row)
    await someone.press("Yes, delete API token", within=dialog)
    await expect(row).to_have_count(0)
    assert not await staff.works(secret)


async def test_many_at_once(person: tuple[Person, Staff]) -> None:
    """Those that are selected are disabled, or deleted, with one confirmation."""
    someone, staff = person
    secrets = [await someone.add(f"bulk {n}") for n in range(3)]
    bulk = someone.page.get_by_role("region", name="Selected tokens")
    await expect(bulk).to_have_count(0)
    for n in range(2):
        await someone.page.get_by_label(f"Select bulk {n}").check()
    await expect(bulk).to_contain_text("2 tokens selected")
    await someone.press("Disable", within=bulk)
    await someone.press("Yes, disable 2 API tokens")
    await expect(someone.page.get_by_role("switch", checked=True)).to_have_count(1)
    assert [await staff.works(each) for each in secrets] == [False, False, True]
    await someone.page.get_by_label("Select all that are shown").check()
    await expect(bulk).to_contain_text("3 tokens selected")
    await someone.press("Delete", within=bulk)
    await someone.press("Yes, delete 3 API tokens")
    await expect(someone.page.get_by_text("There are no tokens yet.")).to_be_visible()
    assert [await staff.works(each) for each in secrets] == [False] * 3


async def test_a_flock_is_changed_by_and_by(root: Person, staff: Staff) -> None:
    """No more calls at once than a browser has connections, and what changed is read in few."""
    rows = [{"name": f"flock {n:02}", "token": f"token-number-{n:05}-of-it"} for n in range(60)]
    await staff.call("api-tokens/import", rows)
    await root.page.get_by_role("search").get_by_label("Name").fill("flock")
    shown = root.page.get_by_role("paragraph").filter(has_text=re.compile("^60 tokens"))
    await expect(shown).to_be_visible()
    await root.page.get_by_label("Select all that are shown").check()
    now, most, reads = 0, 0, 0

    def began(request: Request) -> None:
        nonlocal now, most, reads
        now += 1
        most = max(most, now)
        reads += request.url.endswith("/api-tokens/read")

    def ended(_: Request) -> None:
        nonlocal now
        now -= 1

    root.page.on("request", began)
    root.page.on("requestfinished", ended)
    bulk = root.page.get_by_role("region", name="Selected tokens")
    await root.press("Disable", within=bulk)
    await root.press("Yes, disable 60 API tokens")
    await expect(root.page.get_by_text("60 tokens disabled")).to_be_attached()
    enabled = {"where": {"name": ["like", "flock"], "enabled": True}}
    assert await staff.call("api-tokens/read", enabled) == []
    await root.press("Delete", within=bulk)
    await root.press("Yes, delete 60 API tokens")
    await expect(root.page.get_by_text("No token is like that.")).to_be_visible()
    assert await staff.call("api-tokens/read", {"where": {"name": ["like", "flock"]}}) == []
    assert 1 < most <= 8
    assert reads < 60


async def test_what_is_refused_is_told(root: Person, staff: Staff) -> None:
    """A token that is gone meanwhile is gone; a change that is refused is undone to look at."""
    made = await staff.token("elsewhere")
    row = root.row("elsewhere")
    await expect(row).to_be_visible()
    await root.page.route(
        "**/v1/api-tokens/set-enabled", lambda route: route.fulfill(status=503, body="busy")
    )
    await row.get_by_role("switch").click()
    await expect(root.page.get_by_role("alert")).to_contain_text("busy or restarting")
    await expect(row.get_by_role("switch")).to_be_checked()
    await expect(root.page.get_by_text("elsewhere disabled")).to_have_count(0)
    assert await staff.works(made["token"])
    await root.page.unroute("**/v1/api-tokens/set-enabled")
    await root.press("Try again")
    await expect(root.page.get_by_text("elsewhere disabled")).to_be_attached()
    await expect(row.get_by_role("switch")).not_to_be_checked()
    assert not await staff.works(made["token"])


async def test_shows_how_a_token_is_used(root: Person, staff: Staff) -> None:
    """Its verifications of the last 30 days, as a picture and as a table."""
    made = await staff.token("counted", role="read-only")
    await root.press("Usage of counted", within=root.row("counted"))
    dialog = root.dialog("Usage of counted")
    await expect(dialog).to_contain_text("Nothing was verified in the last 30 days.")
    await root.press("Close", within=dialog)
    for _ in range(3):
        await staff.call("api-tokens/verify", made["token"])
    await staff.call("api-tokens/verify", made["token"], {"permissions": ["admin"]})

    async def is_told() -> bool:
        await root.press("Usage of counted", within=root.row("counted"))
        told = "4 verifications" in str(await dialog.text_content())
        if not told:
            await root.press("Close", within=dialog)
        return told

    await until(is_told)
    picture = dialog.get_by_role("img", name="Verifications: 4 verifications in 30 days")
    await expect(picture).to_be_visible()
    await dialog.get_by_text("Show as a table").click()
    await expect(dialog.get_by_role("row")).to_have_count(31)
    await expect(dialog.get_by_role("row").nth(1)).to_contain_text("41")
    await root.shoot("usage")

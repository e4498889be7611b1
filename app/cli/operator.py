"""Commands on data call the same methods as every wire, as the user they speak for."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from app.call import Caller, Failure, Request, Success
from app.cli.shell import Complaint
from app.config import Settings
from app.registry import VERSION
from app.services import Services, open_services


@asynccontextmanager
async def operator(settings: Settings, name: str) -> AsyncIterator[tuple[Services, Caller]]:
    """The services for one command, and the user it speaks as."""
    async with open_services(settings, serving=False) as services:
        await services.make_root()
        yield services, await services.operator(name)


async def method(settings: Settings, user_name: str, method: str, *arguments: Any) -> Success:
    """Call one method and answer what it answers."""
    async with operator(settings, user_name) as (services, caller):
        return await dispatch(services, caller, method, arguments)


async def all_rows(
    settings: Settings, user_name: str, method: str, options: dict[str, Any]
) -> list[Any]:
    """Every row of a `read` method, page by page."""
    rows: list[Any] = []
    async with operator(settings, user_name) as (services, caller):
        while True:
            page = await dispatch(services, caller, method, [options])
            rows += page.data
            if not page.meta["next_page"]:
                return rows
            options = {**options, "after": page.meta["next_cursor"]}


async def dispatch(
    services: Services, caller: Caller, method: str, arguments: Sequence[Any]
) -> Success:
    """The answer of a call that goes well; a refusal is a complaint."""
    result = await services.dispatcher.dispatch(Request(VERSION + method, list(arguments)), caller)
    if isinstance(result, Failure):
        raise Complaint(": ".join([result.text, *map(str, result.faults)]))
    return result

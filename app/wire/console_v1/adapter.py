"""A request → the call of a method that the table has for it, and how its answer is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.call import Caller, Failure, Request, Success
from app.console_api import ENDPOINTS, KEY_ID, Action, Field, Named, Shown
from app.dispatcher import Dispatcher
from app.errors import Code, Refusal, bad_request, not_found
from app.registry import VERSION
from app.wire.console_v1 import answers, fields
from app.wire.http import Answer, Received, host

_READ: Final = "api-tokens/read"
# A list has no pages here: more keys than these are refused rather than left out.
MOST_KEYS: Final = 10_000
TOO_MANY: Final = f"There are more than {MOST_KEYS} keys: list them by api-tokens/read"
_DEFAULT_HOST: Final = "localhost"


async def answer(dispatcher: Dispatcher, received: Received, request_id: str) -> Answer:
    """Run the call that a request at one of the paths below asks for."""
    try:
        action, asked = await _asked(dispatcher, received, request_id)
        answered = await _ANSWERED.get(action.shown, _told)(asked, action)
    except Refusal as refusal:
        return answers.refused(Failure.of(refusal), request_id, received.path)
    return answers.deprecated(answered, received.path)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that was understood: who calls, by which key, and the values of its fields."""

    dispatcher: Dispatcher
    received: Received
    request_id: str
    caller: Caller
    key: str
    values: Mapping[Field, str]

    async def run(self, action: Action, method: str, *arguments: Any) -> Success:
        """What a method answers.

        Raises:
            Refusal: it refuses, as the action's fields have it.
        """
        request = Request(
            VERSION + method,
            arguments,
            id=self.request_id,
            address=self.received.address,
            permission=action.permission,
        )
        result = await self.dispatcher.dispatch(request, self.caller)
        if isinstance(result, Failure):
            raise _refusal(result, action)
        return result

    async def arguments(self, action: Action) -> list[Any]:
        """The arguments of its method."""
        return [await self._filled(action, part) for part in action.arguments]

    async def _filled(self, action: Action, template: Any) -> Any:
        if isinstance(template, Field):
            return self.values[template]
        if template is Named.TOKEN_ID:
            return await self._token_id(action)
        if isinstance(template, dict):
            return {name: await self._filled(action, part) for name, part in template.items()}
        return template

    async def _token_id(self, action: Action) -> str | None:
        if KEY_ID not in self.values:
            return self.caller.token_id
        found = await self.run(action, _READ, {"where": {"key_id": self.values[KEY_ID]}})
        if not found.data:
            raise not_found("Token not found")
        return str(found.data[0]["id"])


async def _asked(
    dispatcher: Dispatcher, received: Received, request_id: str
) -> tuple[Action, _Asked]:
    """What a request asks for, once it is known whose it is."""
    endpoint = ENDPOINTS.get(received.path)
    if endpoint is None:
        raise Refusal(Code.METHOD_NOT_FOUND)
    if received.verb != endpoint.verb:
        raise Refusal(Code.VERB_NOT_ALLOWED)
    given = fields.read(received)
    keys = fields.keys(received, given)
    caller = await dispatcher.authentication.caller(keys)
    if caller.barred:
        raise caller.barred
    action = fields.chosen(endpoint.actions, given)
    values = fields.values(action, given)
    return action, _Asked(dispatcher, received, request_id, caller, keys[0], values)


async def _told(asked: _Asked, action: Action) -> Answer:
    """What the method answers, in JSON."""
    data = (await asked.run(action, action.method, *await asked.arguments(action))).data
    return answers.success(action.shown, data, asked.dispatcher.permissions, asked.request_id)


async def _told_whole(asked: _Asked, action: Action) -> Answer:
    """All that a method has to list, page by page."""
    [options] = await asked.arguments(action)
    rows: list[Any] = []
    while True:
        page = await asked.run(action, action.method, options)
        rows += page.data
        if len(rows) > MOST_KEYS:
            raise bad_request(TOO_MANY)
        if not page.meta["next_page"]:
            break
        options = {**options, "after": page.meta["next_cursor"]}
    return answers.success(action.shown, rows, asked.dispatcher.permissions, asked.request_id)


async def _file(asked: _Asked, action: Action) -> Answer:
    """A file with the key's secret, which for the one that calls is what it was called with."""
    row = (await asked.run(action, action.method, *await asked.arguments(action))).data
    own = asked.key if row["id"] == asked.caller.token_id else None
    place = host(asked.received.headers) or _DEFAULT_HOST
    return answers.file(row["token"] or own, place, asked.request_id)


_ANSWERED: Final = {Shown.KEYS: _told_whole, Shown.FILE: _file}


def _refusal(failure: Failure, action: Action) -> Refusal:
    """A refusal, where wrong arguments are told by the fields that they were taken from."""
    places = action.places()
    texts = [
        f"{places[fault.path].name} {fault.message}" if fault.path in places else str(fault)
        for fault in failure.faults
    ]
    return Refusal(
        failure.code,
        "; ".join(texts) or failure.text,
        status=failure.status,
        retry_after=failure.retry_after,
    )

"""List API tokens, or read one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.call import Call, Success
from app.errors import Code, Refusal
from app.permissions import ADMIN


async def read(call: Call, options: Mapping[str, Any] | None = None) -> Success:
    """The caller's tokens that the options ask for, or everybody's for an administrator.

    Raises:
        Refusal: an option cannot be used, the `id` is not there, or `owner` is not the caller's.
    """
    options = options or {}
    where = dict(options.get("where", {}))
    given = [*_owned(call, options), *_matching(call, where.pop("token", None))]
    if "expired" in where:
        given += _expired(call, where.pop("expired"))
    page = await call.page("api_tokens/read", {**options, "where": where}, *given)
    return await _with_secrets(call, page) if options.get("secrets") else page


def _owned(call: Call, options: Mapping[str, Any]) -> list[tuple[str, str, str, Any]]:
    """Whose tokens: without a condition, everybody's."""
    owner = options.get("owner", "me")
    if owner == "me":
        owner = call.caller.user_id
    elif not call.caller.holds(ADMIN):
        raise Refusal(Code.ACCESS_DENIED)
    return [] if owner == "all" else [("user_id", "uuid", "=", owner)]


def _matching(call: Call, token: str | list[str] | None) -> list[tuple[str, str, str, Any]]:
    """What can be a token is looked up as one, all else among the hints."""
    value = token[1] if isinstance(token, list) else token
    if value is None:
        return []
    if call.tokens.is_well_formed(value):
        return [("token", "bytea[]", "bears", call.tokens.digests(value))]
    return [("hint", "text", "includes", value)]


def _expired(call: Call, condition: bool | list[Any] | None) -> list[tuple[str, str, str, Any]]:
    """Those that have expired by now, or all others; each is one or the other, and none is null."""
    operator, value = condition if isinstance(condition, list) else ("=", condition)
    if value is None:
        return [("id", "uuid", "=", None)] if operator == "=" else []
    return [("expires", "timestamptz", "<=" if value == (operator == "=") else "not <=", call.now)]


async def _with_secrets(call: Call, page: Success) -> Success:
    """The same rows, each with its secret or null as `token`."""
    rows = page.data if isinstance(page.data, list) else [page.data]
    secrets = await _secrets(call, [row["id"] for row in rows])
    shown = [{**row, "token": secrets.get(row["id"])} for row in rows]
    return replace(page, data=shown if rows is page.data else shown[0])


async def _secrets(call: Call, token_ids: Sequence[str]) -> dict[str, str | None]:
    """The secrets of those tokens of which the caller may see a sealed copy, by their ids."""
    if not call.tokens.recovery.is_on:
        return {}
    kept = await call.rows("_service/recover_tokens", token_ids=token_ids)
    return {row["id"]: call.tokens.recovered(row["sealed"], row["digest"]) for row in kept}

"""Import API tokens of other systems."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from app import moments
from app.call import Call, Row
from app.errors import Code, Fault, NotHeld, Refusal, invalid
from app.token_format import FOREIGN_SCHEMES, SHORTEST

UNKNOWN_HINT: Final = "…"
HEX: Final = {"sha256": re.compile("[0-9a-fA-F]{64}"), "sha512": re.compile("[0-9a-fA-F]{128}")}
# 42 characters of six bits, and one that ends in two bits of nothing.
BASE64: Final = re.compile("(?:[A-Za-z0-9+/]{42}|[A-Za-z0-9_-]{42})[AEIMQUYcgkosw048]=?")
FROM_BASE64URL: Final = str.maketrans("-_", "+/")
FORMS: Final = {
    "sha256": "64 hexadecimal digits, or base64 or base64url of 32 bytes",
    "sha512": "128 hexadecimal digits",
}
# What the statement's verdict on a row means to the caller.
REASONS: Final = {
    "unknown": 'There is no user "{owner}"',
    "denied": "Access denied: its owner holds permissions you do not hold",
    "taken": "Token value is taken",
}
NOTHING: Final[Row] = {"imported": 0, "present": 0, "refused": {}}


async def import_(
    call: Call, tokens: Sequence[Mapping[str, Any]], options: Mapping[str, Any] | None = None
) -> Row:
    """Take in every token that is as it should be; answer how many, and what became of the others.

    Raises:
        Refusal: the database is out of reach, and nothing was imported.
    """
    refused: dict[int, list[str]] = {}
    records: list[dict[str, Any]] = []
    not_held: NotHeld | None = None
    for index, row in enumerate(tokens):
        try:
            records.append(_record(call, index, row))
        except Refusal as refusal:
            refused[index] = [str(fault) for fault in refusal.faults] or [refusal.text]
            not_held = refusal if isinstance(refusal, NotHeld) else not_held
    tally = await _import(call, _paired(records), options or {})
    if not_held and not (options or {}).get("dry_run"):
        told = {"action": "api-tokens/import", "permission": not_held.permission}
        await call.row("_service/audit_refusal", **told)
    for index, verdict in tally["refused"].items():
        refused[int(index)] = [REASONS[verdict].format(owner=tokens[int(index)].get("owner"))]
    reasons = [{"index": index, "errors": errors} for index, errors in sorted(refused.items())]
    return {**tally, "refused": reasons}


async def _import(call: Call, records: list[dict[str, Any]], options: Row) -> Row:
    """How many of the records were imported and present, and the verdict on each other one."""
    given = {"dry_run": options.get("dry_run", False), "created_by": call.creator}
    row = None
    while records and row is None:
        try:
            row = await call.staged("api_tokens/import", "import_rows", records, **given)
        except Refusal as refusal:
            # Somebody stored one of the values since the statement began: the next one sees it.
            if refusal.code is not Code.CONFLICT:
                raise
    return row or NOTHING


def _record(call: Call, index: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it is staged.

    Raises:
        Refusal: it is not as it should be, or grants what the caller does not hold.
    """
    row = {name: value for name, value in given.items() if value is not None}
    _check(call, row)
    return {
        "index": index,
        "owner": row.get("owner", call.caller.user_name),
        "name": row["name"],
        "role": row.get("role"),
        "permissions": call.granted(row),
        "enabled": row.get("enabled", True),
        **_identity(call, row),
        "created": _created(call, row.get("created")),
        "expires": _moment("expires", row.get("expires")),
        "metadata": row.get("metadata", {}),
    }


def _check(call: Call, row: Row) -> None:
    """Refuse a row of a wrong shape."""
    if any(len(name) >= SHORTEST for name in row):  # it may be a secret: it is not repeated
        raise invalid(Fault("", "A member's name is longer than any that is known"))
    faults = call.shapes.faults("ImportedToken", row)
    if "token" in row:
        strange = row.keys() & {"digest", "scheme", "hint"}
        faults += [Fault(f"/{name}", 'does not go with "token"') for name in sorted(strange)]
    elif "digest" not in row:
        faults.append(Fault("", 'A "token" or a "digest" is required'))
    elif "scheme" not in row:
        faults.append(Fault("/scheme", "is required"))
    if faults:
        raise invalid(*faults)


def _identity(call: Call, row: Row) -> dict[str, Any]:
    """What is stored of the token's value."""
    if "token" not in row:
        digest = _digest(row["scheme"], row["digest"])
        hint = row.get("hint", UNKNOWN_HINT)
        if FOREIGN_SCHEMES[row["scheme"]](hint.encode()).digest() == digest:
            raise invalid(Fault("/hint", "must not be the token itself"))
        return {
            "digests": [digest],
            "digest_scheme": row["scheme"],
            "hint": hint,
            "sealed": None,
            "fingerprints": call.tokens.fingerprints([digest]),
        }
    value = row["token"]
    weakness = call.tokens.weakness(value)
    if weakness:
        raise invalid(Fault("/token", weakness))
    fingerprints = call.tokens.fingerprints(call.tokens.foreign_digests(value))
    return {**call.tokens.stored(value), "fingerprints": fingerprints}


def _digest(scheme: str, text: str) -> bytes:
    """The bytes of a digest in any spelling of its scheme."""
    if HEX[scheme].fullmatch(text):
        return bytes.fromhex(text)
    if scheme == "sha256" and BASE64.fullmatch(text):
        return base64.b64decode(text[:43].translate(FROM_BASE64URL) + "=")
    raise invalid(Fault("/digest", f"must be {FORMS[scheme]}"))


def _created(call: Call, text: str | None) -> Any:
    """When the token was made; None: just now."""
    created = _moment("created", text)
    if created and created > call.now:
        raise invalid(Fault("/created", "must not be in the future"))
    return created


def _moment(member: str, text: str | None) -> Any:
    try:
        return None if text is None else moments.storable_instant(text)
    except ValueError as error:
        raise invalid(Fault(f"/{member}", str(error))) from None


def _paired(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records, each with the first one that has the same value by any of its digests."""
    firsts: dict[bytes, int] = {}
    for record in records:
        known = [firsts[digest] for digest in record["digests"] if digest in firsts]
        record["first_index"] = min(known, default=record["index"])
        firsts.update(dict.fromkeys(record["digests"], record["first_index"]))
    return records

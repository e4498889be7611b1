"""What a request says: fields of its query and of its body, whatever the verb, and its key."""

from collections.abc import Sequence
from typing import Final

from multidict import istr

from app.console_api import AUTH_TOKEN, Action, Field
from app.errors import Code, Refusal, bad_request
from app.token_format import is_session
from app.wire import forms
from app.wire.bodies import is_of
from app.wire.credentials import MALFORMED, without_cookies
from app.wire.http import Received

KEY_HEADER: Final = istr("X-Canary-Auth-Token")


def read(received: Received) -> forms.Fields:
    """Every field, with each value that it is given in the query and in the body.

    Raises:
        Refusal: the body is no form, or too long, or one of them is not in UTF-8.
    """
    query = received.query.encode("utf-8", "surrogateescape")
    found = {name: [*values] for name, values in forms.fields(query, forms.MOST_FIELDS).items()}
    for name, values in _body(received).items():
        found.setdefault(name, []).extend(values)
    return found


def keys(received: Received, fields: forms.Fields) -> tuple[str, ...]:
    """Each different key that is shown, wherever; a session's secret is none."""
    shown = [
        *fields.get(AUTH_TOKEN.name, ()),
        *received.headers.getall(KEY_HEADER, ()),
        *without_cookies(received.headers),
    ]
    found = dict.fromkeys(MALFORMED if is_session(key) else key for key in shown if key)
    return tuple(found) or (MALFORMED,)


def chosen(actions: Sequence[Action], fields: forms.Fields) -> Action:
    """The first action of which a field is given, or the last."""
    for action in actions:
        if any(any(fields.get(field.name, ())) for field in action.fields):
            return action
    return actions[-1]


def values(action: Action, fields: forms.Fields) -> dict[Field, str]:
    """The values of those fields of an action that are given; an empty one counts as not given.

    Raises:
        Refusal: one is missing, given twice and not the same, or none of those it may be.
    """
    found = {field: value for field in action.fields if (value := _value(field, fields))}
    for field in action.required:
        if field not in found:
            raise bad_request(f"{field.name} is required")
    return found


def _value(field: Field, fields: forms.Fields) -> str | None:
    given = {value for value in fields.get(field.name, ()) if value}
    if len(given) > 1:
        raise bad_request(f"{field.name} is given twice, and not the same")
    value = next(iter(given), None)
    if value is not None and field.values and value not in field.values:
        raise bad_request(f"{field.name} must be one of: {', '.join(field.values)}")
    return value


def _body(received: Received) -> forms.Fields:
    """The fields of the body, of which there may be none."""
    content_type = received.headers.get("Content-Type", "")
    if not received.body:
        return {}
    if is_of(content_type, forms.MULTIPART):
        return forms.multipart(received)
    if not is_of(content_type, forms.FORM):
        raise Refusal(Code.UNSUPPORTED_CONTENT_TYPE)
    return forms.decode(received)

"""What is known of a token, and what that means for a use of it; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple


class VerdictCode(StrEnum):
    """What a verification may come to."""

    VALID = "VALID"
    NOT_FOUND = "NOT_FOUND"
    DISABLED = "DISABLED"
    EXPIRED = "EXPIRED"
    USER_DISABLED = "USER_DISABLED"
    API_DISABLED = "API_DISABLED"
    INSUFFICIENT_PERMISSIONS = "INSUFFICIENT_PERMISSIONS"


# To look a member up in its class takes longer than anything else about a good token.
VALID: Final = VerdictCode.VALID


class Known(NamedTuple):
    """The facts of a token, as one statement found them.

    `scope` names the permissions in effect, sorted, with a space between. `bar` is why the token
    may not be used, its age apart: DISABLED, USER_DISABLED, API_DISABLED or None. `until` is when
    this secret of it ends, if it is the one before a rotation. `read_at` is the position, among the
    changes heard, at which the reading began (see `app.token_cache`).
    """

    token_id: str
    user_id: str
    user_name: str
    name: str
    role: str | None
    scope: str
    bar: str | None
    created: datetime
    expires: datetime | None
    until: datetime | None
    read_at: int

    def code(self, now: Callable[[], datetime]) -> VerdictCode:
        """What a use of it comes to now, whatever it is to be used for."""
        if self.expires is not None and self.expires <= now():
            return VerdictCode.EXPIRED
        return VALID if self.bar is None else VerdictCode(self.bar)


@lru_cache(maxsize=4096)
def permission_map(scope: str) -> Mapping[str, bool]:
    """The permissions that a scope names: {"read": true, …}; many tokens share the one map."""
    return dict.fromkeys(scope.split(), True)


# In this order, with the code that a verification comes to if it fails. A text that cannot be a
# token is no known one either.
_CHECKS: Final = (
    ("well-formed", None),
    ("known", VerdictCode.NOT_FOUND),
    ("not expired", VerdictCode.EXPIRED),
    ("enabled", VerdictCode.DISABLED),
    ("user enabled", VerdictCode.USER_DISABLED),
    ("API enabled", VerdictCode.API_DISABLED),
)


@dataclass(slots=True)
class Verdict:
    """What a verification comes to; `wanted` are the permissions that it asked for."""

    code: VerdictCode
    known: Known | None = None
    wanted: Sequence[str] = ()
    is_well_formed: bool = True

    @property
    def is_valid(self) -> bool:
        """Whether the token may be used for what was asked."""
        return self.code is VALID

    def shown(self) -> dict[str, Any]:
        """The answer: of a token that is not valid, why, and nothing more."""
        known = self.known
        if known is None or self.code is not VALID:
            return {"valid": False, "code": self.code}
        return {
            "valid": True,
            "code": self.code,
            "token_id": known.token_id,
            "user_id": known.user_id,
            "user_name": known.user_name,
            "name": known.name,
            "role": known.role,
            "permissions": permission_map(known.scope),
            "created": known.created,
            "expires": known.expires,
        }

    def explained(self) -> dict[str, Any]:
        """The answer, with each check in order: "passed", "failed", or "skipped" after that."""
        codes = [code for _, code in _CHECKS]
        failed = len(codes)
        if self.code in codes:
            failed = codes.index(self.code) if self.is_well_formed else 0
        checks = [
            {"check": check, "outcome": _outcome(place, failed)}
            for place, (check, _) in enumerate(_CHECKS)
        ]
        return {**self.shown(), "checks": checks + self._permission_checks(failed < len(codes))}

    def _permission_checks(self, skipped: bool) -> list[dict[str, str]]:
        held = permission_map(self.known.scope) if self.known else {}
        return [
            {
                "check": f"permission {name}",
                "outcome": "skipped" if skipped else "passed" if name in held else "failed",
            }
            for name in self.wanted
        ]


def _outcome(place: int, failed: int) -> str:
    return "passed" if place < failed else "failed" if place == failed else "skipped"

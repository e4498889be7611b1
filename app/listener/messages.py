"""What is said on the database's channels, and what it means; pure."""

import re
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

# Where triggers tell of changes, and whoever wants to know whether they were heard asks.
CHANNEL: Final = "api_tokens"
_OWN_CHANNEL: Final = re.compile(r"api_tokens_[0-9a-f]{32}")


def own_channel(process_id: str) -> str:
    """Where a process, or anybody with an id of this kind, is answered."""
    return f"{CHANNEL}_{UUID(process_id).hex}"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to rows of a table, as the triggers of sql/_schema/009_changes.sql tell it.

    `action` is create, update, enable, disable, rotate or delete; `user_id` whose rows they are.
    """

    table: str
    action: str
    user_id: str | None
    ids: tuple[str, ...]

    @classmethod
    def of(cls, told: Any) -> "Change | None":
        """The change that a message tells of, if it does."""
        match told:
            case {"table": str(table), "action": str(action), "user_id": user_id, "ids": [*ids]}:
                if isinstance(user_id, str | None) and all(isinstance(i, str) for i in ids):
                    return cls(table, action, user_id, tuple(ids))
        return None


class Barrier(NamedTuple):
    """Asks every process to say on `channel` that it has heard all that was said before."""

    channel: str
    number: int

    @property
    def text(self) -> str:
        """As it is said on the channel of all."""
        return orjson.dumps({"barrier": self.number, "channel": self.channel}).decode()

    @classmethod
    def of(cls, told: Any) -> "Barrier | None":
        """The barrier that a message is, if it is one that can be answered."""
        match told:
            case {"barrier": int(number), "channel": str(channel)}:
                return cls(channel, number) if _OWN_CHANNEL.fullmatch(channel) else None
        return None


class Confirmation(NamedTuple):
    """Says that a process has heard this barrier of the one it is said to, and all before."""

    process_id: str
    number: int

    @property
    def text(self) -> str:
        """As it is said on the asker's own channel."""
        return orjson.dumps({"process": self.process_id, "confirms": self.number}).decode()

    @classmethod
    def of(cls, told: Any) -> "Confirmation | None":
        """The confirmation that a message is, if it is one."""
        match told:
            case {"process": str(process_id), "confirms": int(number)}:
                return cls(process_id, number)
        return None


def parsed(text: str) -> Any:
    """The JSON value of a message; None for what is none. Whoever may connect may say anything."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None

"""What signing in takes: passwords, so many attempts and no more, and how long a session lasts."""

from dataclasses import dataclass
from datetime import timedelta

from app.attempts import Attempts, neighbourhood
from app.config import Settings
from app.passwords import Passwords


@dataclass(frozen=True, slots=True)
class Accounts:
    """How people sign in here.

    `idle` is how long a session lasts without being used, `longest` how long at most.
    """

    passwords: Passwords
    by_name: Attempts
    by_address: Attempts
    idle: timedelta
    longest: timedelta

    @classmethod
    def of(cls, settings: Settings) -> "Accounts":
        """As an operator has set them."""
        return cls(
            passwords=Passwords(settings.password_memory, settings.password_workers),
            by_name=Attempts(settings.sign_in_attempts, 60),
            by_address=Attempts(settings.sign_in_address_attempts, 10),
            idle=timedelta(seconds=min(settings.session_idle, settings.session_limit)),
            longest=timedelta(seconds=settings.session_limit),
        )

    def admit(self, name: str, address: str) -> None:
        """Count an attempt to sign in.

        Raises:
            Refusal: there were too many to this name or from this address.
        """
        self.by_address.take(neighbourhood(address))
        self.by_name.take(name)

    def forgive(self, name: str, address: str) -> None:
        """Count the attempt no longer: it went well."""
        self.by_address.give_back(neighbourhood(address))
        self.by_name.give_back(name)

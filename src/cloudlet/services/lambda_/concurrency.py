"""How many invocations may run at once: the account's limit and functions' reservations."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloudlet.services.lambda_.errors import TooManyRequests

#: "Lambda quotas": concurrent executions of an account in a region, and how many of them must
#: stay without a reservation.
ACCOUNT_LIMIT = 1000
UNRESERVED_MINIMUM = 100


@dataclass(slots=True)
class AccountConcurrency:
    """One account's invocations in one region."""

    reserved: int = 0  # by functions, together
    running: int = 0  # of functions without a reservation
    functions: dict[str, FunctionConcurrency] = field(default_factory=dict)

    @property
    def unreserved(self) -> int:
        """What functions without a reservation share."""
        return ACCOUNT_LIMIT - self.reserved


@dataclass(slots=True)
class FunctionConcurrency:
    """One function's invocations."""

    account: AccountConcurrency
    reserved: int | None = None
    running: int = 0

    def reserve(self, reserved: int | None) -> None:
        """Set or drop the reservation; what runs is counted where it belongs from now on."""
        self.account.reserved += (reserved or 0) - (self.reserved or 0)
        if self.reserved is None and reserved is not None:
            self.account.running -= self.running
        elif self.reserved is not None and reserved is None:
            self.account.running += self.running
        self.reserved = reserved

    def take(self) -> None:
        """Count one more, or raise `TooManyRequests` with AWS's reason."""
        if self.reserved is not None:
            if self.running >= self.reserved:
                raise TooManyRequests("ReservedFunctionConcurrentInvocationLimitExceeded")
        else:
            if self.account.running >= ACCOUNT_LIMIT - self.account.reserved:
                raise TooManyRequests("ConcurrentInvocationLimitExceeded")
            self.account.running += 1
        self.running += 1

    def give(self) -> None:
        """Count one less."""
        self.running -= 1
        if self.reserved is None:
            self.account.running -= 1

"""Armed actions: each has a token of short life, for one operator and one action. A restart voids them all."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.control.action import Action

MOST_ARMED = 20
"""Actions that are armed at a time; the oldest is voided for one more."""


def new_token() -> str:
    """128 bits that nobody guesses."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class Armed:
    """Something that may be confirmed."""

    operator: str
    action: Action
    reason: str
    seq: int  # of its record in the audit log
    until: float  # monotonic


class Tokens:
    """Gives tokens for what is armed, and takes each back once. Only their hashes are kept."""

    def __init__(self, clock: Clock, make: Callable[[], str] = new_token) -> None:
        self._clock, self._make = clock, make
        self._armed: dict[str, Armed] = {}

    def __len__(self) -> int:
        self._void()
        return len(self._armed)

    def give(self, armed: Armed) -> str:
        """The token that confirms this. What the same operator armed on the same device before is void."""
        self._void()
        for key, other in list(self._armed.items()):
            if (other.operator, other.action.device) == (armed.operator, armed.action.device):
                del self._armed[key]
        while len(self._armed) >= MOST_ARMED:
            del self._armed[next(iter(self._armed))]
        token = self._make()
        self._armed[_hash(token)] = armed
        return token

    def armed(self, token: str) -> Armed | None:
        """What this token confirms; None for one that is wrong, used or too late."""
        self._void()
        return self._armed.get(_hash(token))

    def take(self, token: str) -> None:
        """From now on it confirms nothing."""
        self._armed.pop(_hash(token), None)

    def _void(self) -> None:
        now = self._clock.monotonic()
        for key in [key for key, armed in self._armed.items() if armed.until <= now]:
            del self._armed[key]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

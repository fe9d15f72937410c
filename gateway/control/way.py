"""What a way of changing a device is: where it shows what it is, and how it is told."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from drivers.api import Conversation
from gateway.settings.models import Device
from gateway.south.poll import Lane, Poll

Carry = Callable[[Device, Callable[[], Conversation], Lane], Awaitable[Poll]]
"""Has a conversation with a device when its line is free."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a device shows of itself."""

    answered: bool
    done: bool | None  # whether it is as the action wants it; None: it does not show
    shows: str
    values: Mapping[str, float] = field(default_factory=dict)  # of points, as every reading has them


@dataclass(frozen=True, slots=True)
class Reply:
    """What a device said to being told."""

    accepted: bool | None  # None: no answer came; it may have heard all the same
    says: str


class Way(Protocol):
    """One action on one device."""

    shown: bool
    """Whether a look can tell that it was done."""

    async def look(self) -> Look:
        """Read where it would show."""

    async def act(self) -> Reply:
        """Tell the device, once."""

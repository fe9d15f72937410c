"""Tells the rules whose supply is off on purpose, so that an ordered disconnection is no outage."""

import contextlib
from typing import Protocol

from gateway.verbs.request import RefusedRequestError, Request

CLOSED = ("done", "already so")
"""Results after which a reconnection has closed the relay."""

NOT_OPENED = ("refused", "not sent")
"""Results after which a disconnection has certainly not opened it."""


class Orders(Protocol):
    """The verbs of the outage pool."""

    async def order(self, request: Request) -> object:
        """A relay is, or may be, open on purpose: `device`."""

    async def unorder(self, request: Request) -> object:
        """It is not: `device`. Raises RefusedRequestError for what stands in area.toml."""


class Disconnections:
    """What control does, in the words of the outage pool."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    async def before(self, action: str, device: str) -> None:
        """Something is about to be done: the rules may see an open relay before the answer is here."""
        if action == "disconnect":
            await self._orders.order(_about(device))

    async def after(self, action: str, device: str, result: str) -> None:
        """What came of it."""
        if (action == "reconnect" and result in CLOSED) or (action == "disconnect" and result in NOT_OPENED):
            with contextlib.suppress(RefusedRequestError):  # what stands in area.toml is withdrawn there
                await self._orders.unorder(_about(device))


def _about(device: str) -> Request:
    return Request("control", {"device": device})

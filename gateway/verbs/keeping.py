"""Verbs about the gateway itself: its configuration, and starting anew on a changed one."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.settings import SettingsError
from gateway.verbs.request import RefusedRequestError, Request


@dataclass(frozen=True, slots=True)
class Keeping:
    """What maintenance does to a gateway that is far away."""

    renew: Callable[[], Awaitable[Mapping[str, object]]]  # checks all files and begins anew; SettingsError

    async def reload(self, _request: Request) -> object:
        """Check all files of the configuration; when they are good, begin anew on them."""
        try:
            return await self.renew()
        except SettingsError as error:
            raise RefusedRequestError(f"the configuration is faulty, and nothing was changed:\n{error}") from error

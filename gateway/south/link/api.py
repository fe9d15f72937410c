"""What a link is to the bus: bytes out, bytes in until a time, and one error when the way is gone."""

from typing import Protocol

from drivers.api import LineSettings


class LinkError(Exception):
    """The port or connection is gone or cannot be opened. Says which one and what to look at."""


class Link(Protocol):
    """A serial port or a connection. Times are the clock's monotonic seconds."""

    paced: bool
    """True when bytes take their time on a serial wire somewhere behind this link."""

    @property
    def is_open(self) -> bool:
        """False before `open`, after `close` and once the link is lost."""

    async def open(self) -> None:
        """Open it anew, by its name. Raises LinkError."""

    def configure(self, settings: LineSettings) -> None:
        """Set the line for the next conversation; cheap when nothing changes. Raises LinkError."""

    def send(self, data: bytes) -> None:
        """Hand over bytes to be sent at once. Raises LinkError."""

    async def receive(self, until: float) -> bytes:
        """What has come, at least a byte; b'' when `until` has passed. Raises LinkError when the link is lost."""

    def drain(self) -> bytes:
        """What has come and nobody asked for; it is thrown away."""

    def close(self) -> None:
        """Give the port back; a waiting `receive` ends in LinkError."""

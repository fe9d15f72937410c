"""Which link a port's name asks for."""

from urllib.parse import urlsplit

from gateway.clock import Clock
from gateway.south.link.api import Link
from gateway.south.link.serial import SerialLink
from gateway.south.link.tcp import TcpLink

MODBUS_TCP_PORT = 502


def link_to(port: str, clock: Clock) -> Link:
    """The link of `/dev/...`, `tcp://host:port` or `modbus-tcp://host[:port]`, not yet open. Raises ValueError."""
    if "://" not in port:
        return SerialLink(port, clock)
    parts = urlsplit(port)
    if parts.scheme not in ("tcp", "modbus-tcp") or not parts.hostname:
        raise ValueError(f"{port!r}: write /dev/..., tcp://host:port or modbus-tcp://host:port")
    try:
        number = parts.port
    except ValueError:
        raise ValueError(f"{port!r}: a port number is at most 65535") from None
    number = number or (MODBUS_TCP_PORT if parts.scheme == "modbus-tcp" else None)
    if number is None:
        raise ValueError(f"{port!r}: the port number of the serial server is missing")
    return TcpLink(parts.hostname, number, clock, paced=parts.scheme == "tcp")

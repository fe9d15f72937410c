"""gateway.toml: who this gateway is, its lines, and where its data goes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from pydantic import TypeAdapter

from gateway.settings.fault import Fault
from gateway.settings.models import (
    STRICT,
    Backfill,
    ClockCare,
    CommandSettings,
    ControlSettings,
    Faces,
    Influx,
    Line,
    Metrics,
    Mqtt,
    Name,
    Store,
)
from gateway.settings.shape import fresh, shaped
from gateway.settings.toml_file import TomlFile

_SOCKET = re.compile(r"^(?:modbus-)?tcp://(?:\[[0-9A-Fa-f:]+\]|[^/:\s]+):(\d{1,5})$")


@dataclass(frozen=True, slots=True)
class Identity:
    """The [gateway] table. File names are relative to gateway.toml."""

    __pydantic_config__: ClassVar = STRICT
    id: Name
    area: str = "area.toml"
    devices: str = "devices.csv"
    rules: str = "rules.toml"
    profiles: str = "profiles"  # a folder with the site's own profiles; it need not exist


@dataclass(frozen=True, slots=True)
class GatewayFile:
    """gateway.toml as it is written."""

    __pydantic_config__: ClassVar = STRICT
    gateway: Identity
    line: tuple[Line, ...] = ()
    store: Store = Store()
    mqtt: Mqtt | None = None
    faces: Faces = Faces()
    influx: Influx | None = None
    metrics: Metrics | None = None
    backfill: Backfill = Backfill()
    clock: ClockCare = ClockCare()
    commands: CommandSettings = CommandSettings()
    control: ControlSettings | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway is spoken to: all that an operator's machine needs of a gateway.toml."""

    __pydantic_config__: ClassVar = STRICT
    gateway: Identity
    mqtt: Mqtt | None = None


adapter = TypeAdapter(GatewayFile)
_address = TypeAdapter(Address)


def read(file: TomlFile) -> tuple[GatewayFile | None, list[Fault]]:
    """The file as records, if it can be made out, and all its faults."""
    made = shaped(adapter, file)
    if (found := made.found) is None:
        return None, made.faults
    return found, fresh(made.faults, [*_line_faults(file, found.line), *_sender_faults(file, found)])


def read_address(file: TomlFile) -> tuple[Address | None, list[Fault]]:
    """The tables of the file that say whom to speak to and where, and their faults; others are not looked at."""
    tables = {name: table for name, table in file.table.items() if name in ("gateway", "mqtt")}
    made = shaped(_address, replace(file, table=tables))
    if (found := made.found) is None:
        return None, made.faults
    return found, fresh(made.faults, _broker_faults(file, found.mqtt))


def _line_faults(file: TomlFile, lines: tuple[Line, ...]) -> Iterator[Fault]:
    if not lines:
        yield Fault(file.path, 0, "line", "there is no [[line]]; nothing can be read. Add one for each port.")
    ids: dict[str, int] = {}
    ports: dict[str, int] = {}
    for index, line in enumerate(lines):
        for seen, key, value in ((ids, "id", line.id), (ports, "port", line.port)):
            if value in seen:
                yield file.fault(
                    ("line", index, key), f"{value!r} is taken by the line at {seen[value]}. Each line has its own."
                )
            seen.setdefault(value, file.line(("line", index, key)))
        if says := port_fault(line.port):
            yield file.fault(("line", index, "port"), says)


def port_fault(port: str) -> str:
    """What is wrong with the port of a line; '' when it can be opened in principle."""
    if port.startswith("/"):
        return ""
    socket = _SOCKET.match(port)
    if socket and 1 <= int(socket[1]) <= 65535:
        return ""
    return f"{port!r} is no port. Write /dev/ttyS1, tcp://HOST:PORT or modbus-tcp://HOST:PORT."


def _sender_faults(file: TomlFile, found: GatewayFile) -> Iterator[Fault]:
    yield from _broker_faults(file, found.mqtt)
    if found.mqtt is None and found.faces != Faces():
        yield file.fault(("faces",), "needs a broker to speak to. Add [mqtt].")
    if (influx := found.influx) is not None:
        needed = ("org", "bucket") if influx.api == "v2" else ("database",)
        for key in needed:
            if not getattr(influx, key):
                yield file.fault(("influx", key), f"is missing. The {influx.api} interface needs it.")
        for key in ("token_file", "password_file"):
            yield from _secret_faults(file, ("influx", key), getattr(influx, key))
        if not influx.url.startswith(("http://", "https://")):
            yield file.fault(("influx", "url"), f"{influx.url!r} must begin with http:// or https://.")


def _broker_faults(file: TomlFile, mqtt: Mqtt | None) -> Iterator[Fault]:
    if mqtt is not None:
        yield from _secret_faults(file, ("mqtt", "password_file"), mqtt.password_file)
        if mqtt.tls is not None:
            for key in ("ca", "certificate", "key"):
                yield from _secret_faults(file, ("mqtt", "tls", key), getattr(mqtt.tls, key))


def _secret_faults(file: TomlFile, path: tuple[str, ...], name: str) -> Iterator[Fault]:
    """Secrets stand in files of their own; `credential:NAME` is one that systemd hands over at start."""
    if name and not name.startswith("credential:") and not (file.path.parent / name).is_file():
        yield file.fault(path, f"there is no file {name!r}. Create it, readable by the service alone.")


def resolve(folder: Path, name: str) -> str:
    """A file named in gateway.toml as a path that works from anywhere; credentials and '' stay as they are."""
    return name if not name or name.startswith("credential:") else str(folder / name)

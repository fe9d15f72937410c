"""What config/ says, as frozen records. `gateway.settings.load` fills and checks them; nobody else knows pydantic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from drivers.api import LineSettings, Profile
from rules.area import Area, DisconnectOrder, PlannedOutage


@dataclass(frozen=True, slots=True)
class Line:
    """One wire: a serial port, a serial server, or a Modbus TCP endpoint. One conversation at a time."""

    id: str
    port: str
    """`/dev/ttyUSB0`; `tcp://host:4001` for a serial server that passes bytes; `modbus-tcp://host:502`."""
    period_s: float = 60.0  # how often each device is read, unless the device says otherwise
    echo: bool = False  # the adapter gives back what it sent
    retries: int = 1  # of a poll that got no good answer, while the device counts as alive
    late_guard_s: float = 0.5  # after a timeout nobody speaks for so long and late bytes are thrown away
    collector_node: str | None = None  # the node that powers the collector of this line

    @property
    def speaks_modbus_tcp(self) -> bool:
        return self.port.startswith("modbus-tcp://")


@dataclass(frozen=True, slots=True)
class Device:
    """One row of devices.csv, with its profile found and its line settings worked out."""

    id: str
    profile: Profile
    driver: str  # entry point name of the driver that speaks to it on this line
    line: str
    address: str
    node: str
    kind: str
    phases: str = "ABC"
    customer: str = ""
    wire: LineSettings = LineSettings()
    period_s: float = 60.0
    timeout_s: float = 1.0
    points: tuple[str, ...] = ()  # what is polled: all of the profile's unless the row says otherwise
    ct: float = 1.0
    pt: float = 1.0


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates of the link to a broker; empty means the system's authorities and no client certificate."""

    ca: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The broker that operators listen on."""

    host: str = "127.0.0.1"
    port: int = 1883
    root: str = "taiqu"
    version: Literal["3.1.1", "5"] = "3.1.1"
    username: str = ""
    password_file: str = ""
    tls: Tls | None = None
    keepalive_s: int = 30
    inflight: int = 100  # messages sent and not yet acknowledged
    together_s: float = 1.0  # observations of at most so long share a message; 0: a message each


@dataclass(frozen=True, slots=True)
class Influx:
    """The database that takes the time series."""

    url: str = "http://127.0.0.1:8086"
    api: Literal["v2", "v1"] = "v2"  # v2: 2.x and 3.x; v1: the 1.x `/write`
    org: str = ""
    bucket: str = ""  # v2
    database: str = ""  # v1
    username: str = ""  # v1
    token_file: str = ""  # v2
    password_file: str = ""  # v1
    batch: int = 5000  # lines in one request


@dataclass(frozen=True, slots=True)
class Store:
    """The one file on disk."""

    path: Path = Path("/var/lib/taiqu-gateway/taiqu.db")
    commit_ms: int = 200  # group commit: the longest an observation waits to be on disk
    max_bytes: int = 1_000_000_000
    max_days: float = 30.0


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that config/ says, checked: the argument of the whole service."""

    id: str
    area: Area
    lines: tuple[Line, ...]
    devices: tuple[Device, ...]
    store: Store = Store()
    mqtt: Mqtt | None = None
    influx: Influx | None = None
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # rules.toml, by rule
    planned: tuple[PlannedOutage, ...] = ()
    orders: tuple[DisconnectOrder, ...] = ()
    fingerprint: str = ""  # hash over all files, for the birth message

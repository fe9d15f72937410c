"""What config/ says, as frozen records. `gateway.settings.site_files` fills them; nobody else knows pydantic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Interval, MinLen, Predicate

from drivers.api import LineSettings, Profile
from rules.area import Area, DisconnectOrder, PlannedOutage

STRICT: dict[str, Any] = {"extra": "forbid", "strict": True}
"""A misspelt key is a fault, not a default; "60" is no number."""

Name = Annotated[str, MinLen(1), Predicate(lambda text: text.isprintable() and not set(text) & set("/+#"))]
"""An id that may stand in an MQTT topic."""
Face = Annotated[str, Predicate(lambda text: text.isprintable() and not set(text) & set("/+#"))]
"""The first part of a face's topics."""
Root = Annotated[str, MinLen(1), Predicate(lambda text: text.isprintable() and not set(text) & set("+#"))]
"""One or more levels of a topic."""
Seconds = Annotated[float, Gt(0)]
Port = Annotated[int, Interval(ge=1, le=65535)]
ActionName = Literal[
    "disconnect",
    "reconnect",
    "permit_reconnect",
    "keep_power",
    "release_power",
    "alarm_on",
    "alarm_off",
    "write",
    "set_clock",
    "clear_demand",
    "freeze",
]
"""What can be done to a device. After `permit_reconnect` the customer closes the relay with the meter's button."""


@dataclass(frozen=True, slots=True)
class Line:
    """One wire: a serial port, a serial server, or a Modbus TCP endpoint. One conversation at a time."""

    __pydantic_config__: ClassVar = STRICT
    id: Name
    port: Annotated[str, MinLen(1)]
    """`/dev/ttyUSB0`; `tcp://host:4001` for a serial server that passes bytes; `modbus-tcp://host:502`."""
    period_s: Seconds = 60.0  # how often each device is read, unless the device says otherwise
    echo: bool = False  # the adapter gives back what it sent
    retries: Annotated[int, Interval(ge=0, le=5)] = 1  # of a poll without a good answer, while the device is alive
    late_guard_s: Annotated[float, Ge(0)] = 0.5  # silence kept after a timeout; late bytes are thrown away
    collector_node: str | None = None  # the node that powers the collector of this line

    @property
    def speaks_modbus_tcp(self) -> bool:
        """Whether requests carry the Modbus TCP header instead of a checksum."""
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
    kind: str  # meter, ttu, ltu, sensor: what it is to the rules
    phases: str = "ABC"  # '' for a sensor
    customer: str = ""
    wire: LineSettings = LineSettings()
    period_s: float = 60.0
    timeout_s: float = 1.0
    points: tuple[str, ...] = ()  # what is polled: all of the profile's unless the row says otherwise
    ct: float = 1.0
    pt: float = 1.0
    backup_s: float = 0.0  # how long it answers after its supply is gone

    @property
    def polled(self) -> tuple[str, ...]:
        """Points that are asked for without anybody's wish."""
        return self.points or tuple(self.profile.points)


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates of the link to a broker; empty means the system's authorities and no client certificate."""

    __pydantic_config__: ClassVar = STRICT
    ca: str = ""
    certificate: str = ""
    key: str = ""
    warn_days: Annotated[float, Ge(0)] = 30.0  # a certificate that ends within so many days is told as an incident


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The broker that operators listen on."""

    __pydantic_config__: ClassVar = STRICT
    host: Annotated[str, MinLen(1)] = "127.0.0.1"
    port: Port = 1883
    fallback_host: str = ""  # a second broker, taken while the first cannot be had
    fallback_port: Port = 1883
    first_again_s: Seconds = 300.0  # how often the first broker is looked for from the second one
    root: Root = "taiqu"
    version: Literal["3.1.1", "5"] = "3.1.1"
    username: str = ""
    password_file: str = ""
    tls: Tls | None = None
    keepalive_s: Annotated[int, Interval(ge=5, le=3600)] = 30
    inflight: Annotated[int, Interval(ge=1, le=10_000)] = 100  # messages sent and not yet acknowledged
    together_s: Annotated[float, Ge(0)] = 1.0  # observations of at most so long share a message; 0: a message each
    gzip: bool = False  # pack observations: a sixth of the bytes, for links that cost money
    echo: bool = True  # prove at connect that the broker passes on what we publish; needs the right to read it


@dataclass(frozen=True, slots=True)
class Faces:
    """What the gateway says over MQTT, said again in other people's words; an empty name switches a face off."""

    __pydantic_config__: ClassVar = STRICT
    home_assistant: Face = ""  # prefix of its discovery topics, which is "homeassistant" where nobody changed it
    sparkplug: Face = ""  # Sparkplug B: the group that this edge node belongs to
    iec61850: Face = ""  # names after IEC 61850: the application that topics begin with


@dataclass(frozen=True, slots=True)
class Influx:
    """The database that takes the time series."""

    __pydantic_config__: ClassVar = STRICT
    url: Annotated[str, MinLen(1)] = "http://127.0.0.1:8086"
    api: Literal["v2", "v1"] = "v2"  # v2: 2.x and 3.x; v1: the 1.x `/write`
    org: str = ""
    bucket: str = ""  # v2
    database: str = ""  # v1
    username: str = ""  # v1
    token_file: str = ""  # v2
    password_file: str = ""  # v1
    batch: Annotated[int, Interval(ge=1, le=100_000)] = 5000  # lines in one request


@dataclass(frozen=True, slots=True)
class Metrics:
    """A page of figures for Prometheus."""

    __pydantic_config__: ClassVar = STRICT
    host: Annotated[str, MinLen(1)] = "127.0.0.1"
    port: Port = 9645


@dataclass(frozen=True, slots=True)
class Store:
    """The one file on disk."""

    __pydantic_config__: ClassVar = STRICT
    path: Path = Path("/var/lib/taiqu-gateway/taiqu.db")
    commit_ms: Annotated[int, Interval(ge=1, le=5000)] = 200  # the longest an observation waits to be on disk
    max_bytes: Annotated[int, Ge(1_000_000)] = 1_000_000_000
    max_days: Annotated[float, Gt(0)] = 30.0


@dataclass(frozen=True, slots=True)
class Backfill:
    """Reading what meters remember of a time in which they were not heard. It never delays a poll by more than 1 s."""

    __pydantic_config__: ClassVar = STRICT
    enabled: bool = True
    periods: Annotated[int, Interval(ge=2, le=1000)] = 3  # of polling without a value: more is a gap
    shortest_s: Seconds = 180.0  # a shorter one is none, however fast the polling


@dataclass(frozen=True, slots=True)
class ClockCare:
    """The meters' clocks: read every day, set only when this says so."""

    __pydantic_config__: ClassVar = STRICT
    set: bool = False  # to all meters of a line at once, where one is off by more than `tolerance_s`; 300 s at most
    tolerance_s: Annotated[float, Interval(ge=5, le=300)] = 60.0
    password_file: str = ""  # six digits: then a clock that is further off is set too, with the meter's password


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who signs requests; a program may be one too."""

    __pydantic_config__: ClassVar = STRICT
    name: Name
    key_file: Annotated[str, MinLen(1)]  # a shared secret or a public key, as `taiqu key` makes them
    verbs: tuple[str, ...] = ()  # what may be asked for with it; none named: everything


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """Who may ask what over MQTT."""

    __pydantic_config__: ClassVar = STRICT
    signed: Literal["control", "all"] = "control"  # which requests have to be; what changes a meter always has to
    window_s: Annotated[float, Interval(ge=5, le=3600)] = 120.0  # so long after its issue a signed one is obeyed
    operator: tuple[Operator, ...] = ()


@dataclass(frozen=True, slots=True)
class Permit:
    """Who may do what to which devices. Devices and parameters may be patterns with * and ?."""

    __pydantic_config__: ClassVar = STRICT
    operators: Annotated[tuple[str, ...], MinLen(1)]
    devices: Annotated[tuple[str, ...], MinLen(1)]
    actions: Annotated[tuple[ActionName, ...], MinLen(1)]
    parameters: tuple[str, ...] = ()  # identifiers that `write` may set


@dataclass(frozen=True, slots=True)
class MeterSecrets:
    """Where the passwords of some DL/T 645 meters stand: six digits, and eight of an operator's code."""

    __pydantic_config__: ClassVar = STRICT
    devices: Annotated[tuple[str, ...], MinLen(1)]  # the first table whose patterns fit a device counts for it
    switch_file: str = ""  # of level 02, for the relay
    write_file: str = ""  # of level 04, for parameters and the clock


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """Changing devices: nothing is, unless a permit says so."""

    __pydantic_config__: ClassVar = STRICT
    token_s: Annotated[float, Interval(ge=5, le=600)] = 60.0  # between arming and confirming
    per_hour: Annotated[int, Interval(ge=1, le=1000)] = 10  # actions of the whole gateway
    per_device_per_hour: Annotated[int, Interval(ge=1, le=100)] = 2
    verify_s: Annotated[float, Interval(ge=0, le=300)] = 30.0  # how long a device may take to show what came of it
    audit_bytes: Annotated[int, Ge(100_000)] = 4_000_000  # of the audit log in all
    permit: tuple[Permit, ...] = ()
    meters: tuple[MeterSecrets, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that config/ says, checked: the argument of the whole service."""

    id: str
    area: Area
    lines: tuple[Line, ...]
    devices: tuple[Device, ...]
    store: Store = Store()
    mqtt: Mqtt | None = None
    faces: Faces = Faces()
    influx: Influx | None = None
    metrics: Metrics | None = None
    backfill: Backfill = Backfill()
    clock: ClockCare = ClockCare()
    commands: CommandSettings = CommandSettings()
    control: ControlSettings | None = None
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # rules.toml, by rule
    planned: tuple[PlannedOutage, ...] = ()
    orders: tuple[DisconnectOrder, ...] = ()
    fingerprint: str = ""  # hash over all files, for the birth message

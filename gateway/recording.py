"""Recordings of an area: the folder that `taiqu record` writes and `taiqu replay` reads."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

import orjson

from rules import topology
from rules.area import Area, Bus, Device, DisconnectOrder, Node, PlannedOutage, Report
from rules.observation import Observation

AREA, CONTEXT, OBSERVATIONS, REPORTS = "area.json", "context.json", "observations.jsonl.gz", "reports.jsonl"
READ_BYTES = 1 << 16


class RecordingError(Exception):
    """A recording that cannot be used; says which file and where."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on disk: everything but the observations, which are read as they are needed."""

    folder: Path
    area: Area
    start: float
    end: float
    planned: tuple[PlannedOutage, ...] = ()
    orders: tuple[DisconnectOrder, ...] = ()
    reports: tuple[Report, ...] = ()

    def observations(self) -> Iterator[Observation]:
        """Every observation, as recorded. Raises RecordingError at a line that is none."""
        path = self.folder / OBSERVATIONS
        number = 0
        try:
            with gzip.open(path, "rb") as packed, BufferedReader(packed, READ_BYTES) as lines:  # its lines are cut in C
                for line in lines:
                    number += 1
                    yield _observation(orjson.loads(line))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordingError(f"{path}, line {number}: is no observation ({_says(error)})") from error
        except (OSError, EOFError) as error:
            raise RecordingError(f"{path}, after line {number}: cannot be read ({error})") from error


def open_recording(folder: Path) -> Recording:
    """Open a recording. Raises RecordingError with every fault of its topology at once."""
    if not folder.is_dir():
        raise RecordingError(
            f"{folder}: there is no such folder; a recording is a folder with {AREA} and {OBSERVATIONS}"
        )
    area = _checked(folder / AREA, _area)
    if faults := topology.faults(area):
        raise RecordingError("\n".join(f"{folder / AREA}: {fault}" for fault in faults))
    if not (folder / OBSERVATIONS).is_file():
        raise RecordingError(f"{folder / OBSERVATIONS}: is missing")
    context: Mapping[str, Any] = {}
    if (folder / CONTEXT).is_file():
        context = _checked(folder / CONTEXT, dict)
    reports = _reports(folder / REPORTS) if (folder / REPORTS).is_file() else ()
    try:
        return Recording(
            folder=folder,
            area=area,
            start=float(context.get("start", 0.0)),
            end=float(context.get("end", 0.0)),
            planned=tuple(_record(PlannedOutage, row) for row in context.get("planned_outages", ())),
            orders=tuple(_record(DisconnectOrder, row) for row in context.get("disconnect_orders", ())),
            reports=reports,
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise RecordingError(f"{folder / CONTEXT}: {_says(error)}") from error


class Recorder:
    """Writes a recording while it happens."""

    def __init__(
        self, folder: Path, area: Area, planned: Sequence[PlannedOutage] = (), orders: Sequence[DisconnectOrder] = ()
    ) -> None:
        """Raises RecordingError when the folder holds a recording already."""
        if (folder / OBSERVATIONS).exists():
            raise RecordingError(f"{folder}: holds a recording already; name another folder, or remove it")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._planned, self._orders = planned, orders
        self._start: float | None = None
        self._end = 0.0
        (folder / AREA).write_bytes(orjson.dumps(_area_table(area), option=orjson.OPT_INDENT_2))
        self._lines = gzip.open(folder / OBSERVATIONS, "wb", compresslevel=6)  # noqa: SIM115

    def put(self, seen: Observation) -> None:
        """Add one observation."""
        self._start = seen.at if self._start is None else self._start
        self._end = max(self._end, seen.at)
        row: dict[str, object] = {"at": round(seen.at, 3), "device": seen.device, "bus": seen.bus}
        row["took_ms"] = round(seen.took_ms, 1)
        if seen.fault:
            row["fault"] = seen.fault
        elif seen.notice:
            row["notice"] = seen.notice
        else:
            row["values"] = seen.values
        if seen.source != "poll":
            row["source"] = seen.source
        self._lines.write(orjson.dumps(row) + b"\n")

    def close(self) -> None:
        """Finish the files."""
        self._lines.close()
        context = {"start": self._start or 0.0, "end": self._end}
        rows = {"planned_outages": list(self._planned), "disconnect_orders": list(self._orders)}
        (self._folder / CONTEXT).write_bytes(orjson.dumps(context | rows, option=orjson.OPT_INDENT_2))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _observation(row: dict[str, Any]) -> Observation:
    device, at, values = row["device"], row["at"], row.get("values") or {}
    fault, notice, bus, source = row.get("fault"), row.get("notice"), row.get("bus"), row.get("source", "poll")
    if type(at) not in (float, int) or type(values) is not dict:
        raise ValueError("at is a number and values a table")
    if type(device) is not str or not _WORDS.issuperset((type(fault), type(notice), type(bus), type(source))):
        raise ValueError("device, fault, notice, bus and source are texts")
    if not _NUMBERS.issuperset(map(type, values.values())):
        values = {point: value for point, value in values.items() if type(value) in _NUMBERS}  # texts are no evidence
    return Observation(device, at, values, fault, notice, bus, row.get("took_ms", 0.0), source)


_WORDS = frozenset((str, type(None)))
_NUMBERS = frozenset((float, int, bool, type(None)))


def _area(table: dict[str, Any]) -> Area:
    return Area(
        id=table["area"],
        nodes=tuple(_record(Node, row) for row in table["nodes"]),
        devices=tuple(_device(row) for row in table["devices"]),
        buses=tuple(_record(Bus, row) for row in table.get("buses", ())),
        nominal_voltage=float(table.get("nominal_voltage") or 220.0),
        poll_period_s=float(table.get("poll_period_s") or 60.0),
    )


def _area_table(area: Area) -> dict[str, object]:
    return {
        "area": area.id,
        "nominal_voltage": area.nominal_voltage,
        "poll_period_s": area.poll_period_s,
        "nodes": area.nodes,
        "devices": area.devices,
        "buses": area.buses,
    }


def _device(row: dict[str, Any]) -> Device:
    device: Device = _record(Device, {key: value for key, value in row.items() if value is not None})
    return device


def _record(kind: Any, row: dict[str, Any]) -> Any:
    """A frozen record from a row; keys that it does not know are other tools' business. Raises ValueError."""
    if not isinstance(row, dict):
        raise TypeError(f"{row!r} is no table of a {kind.__name__.lower()}")
    known = {key: value for key, value in row.items() if key in kind.__dataclass_fields__}
    for key, hint in get_type_hints(kind).items():
        if key in known and not _fits(known[key], hint):
            raise ValueError(f"{kind.__name__.lower()} {row.get('id', '')}: {key} cannot be {known[key]!r}")
    return kind(**known)


def _fits(value: object, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    allowed = get_args(hint) or (hint,)
    number = float in allowed and type(value) in (int, float)
    return number or any(one is type(value) for one in allowed if one is not float)


def _reports(path: Path) -> tuple[Report, ...]:
    reports = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            reports.append(_record(Report, orjson.loads(line)))
        except (TypeError, ValueError, AttributeError) as error:
            raise RecordingError(f"{path}, line {number}: is no report ({_says(error)})") from error
    return tuple(sorted(reports, key=lambda report: report.at))


def _checked(path: Path, read: Any) -> Any:
    try:
        return read(orjson.loads(path.read_bytes()))
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror})") from error
    except orjson.JSONDecodeError as error:
        raise RecordingError(f"{path}: is no JSON ({error})") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordingError(f"{path}: {_says(error)}") from error


def _says(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)

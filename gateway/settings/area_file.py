"""area.toml: the transformer area, what is planned in it, and who is disconnected by order."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from annotated_types import Gt
from pydantic import AwareDatetime, TypeAdapter

from gateway.clock import on_calendar
from gateway.settings.fault import Fault
from gateway.settings.models import STRICT, Name
from gateway.settings.shape import fresh, shaped
from gateway.settings.toml_file import KeyPath, TomlFile
from rules.area import DisconnectOrder, Node, NodeKind, OrderKind, PlanKind, PlannedOutage

FED_BY: Mapping[NodeKind, tuple[NodeKind, ...]] = {
    "mv_feeder": (),
    "transformer": ("mv_feeder",),
    "feeder": ("transformer", "feeder"),
    "line": ("transformer", "feeder", "line", "box"),
    "box": ("transformer", "feeder", "line", "box"),
}
"""What may be above a node; a box that feeds lines is a cable branch box."""

VECTOR_GROUP = re.compile(r"[YDZ]N?[ydz]n?\d{1,2}")


@dataclass(frozen=True, slots=True)
class AreaRow:
    """The [area] table."""

    __pydantic_config__: ClassVar = STRICT
    id: Name
    nominal_voltage: Annotated[float, Gt(0)] = 220.0


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One [[node]]."""

    __pydantic_config__: ClassVar = STRICT
    id: Name
    kind: NodeKind
    parent: str | None = None
    phases: str = "ABC"
    name: str = ""
    rated_kva: Annotated[float, Gt(0)] | None = None
    vector_group: str = ""
    length_m: Annotated[float, Gt(0)] | None = None


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One [[planned]] outage; times carry their offset, such as 2026-11-22T09:00:00+08:00."""

    __pydantic_config__: ClassVar = STRICT
    id: Name
    node: str
    start: AwareDatetime
    end: AwareDatetime
    reason: str = ""
    kind: PlanKind = "planned"


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One [[order]]: a customer disconnected (or to be reconnected) by order."""

    __pydantic_config__: ClassVar = STRICT
    device: str
    at: AwareDatetime
    kind: OrderKind = "arrears"


@dataclass(frozen=True, slots=True)
class AreaFile:
    """area.toml as it is written."""

    __pydantic_config__: ClassVar = STRICT
    area: AreaRow
    node: tuple[NodeRow, ...]
    planned: tuple[PlannedRow, ...] = ()
    order: tuple[OrderRow, ...] = ()

    def nodes(self) -> tuple[Node, ...]:
        return tuple(
            Node(
                row.id,
                row.kind,
                row.parent,
                row.phases,
                row.name,
                row.rated_kva,
                row.vector_group,
                row.length_m,
            )
            for row in self.node
        )

    def outages(self) -> tuple[PlannedOutage, ...]:
        return tuple(
            PlannedOutage(row.id, row.node, row.start.timestamp(), row.end.timestamp(), row.reason, row.kind)
            for row in self.planned
        )

    def orders(self) -> tuple[DisconnectOrder, ...]:
        return tuple(DisconnectOrder(row.device, row.at.timestamp(), row.kind) for row in self.order)


adapter = TypeAdapter(AreaFile)


def read(file: TomlFile) -> tuple[AreaFile | None, list[Fault]]:
    """The file as records, if it can be made out, and all its faults."""
    made = shaped(adapter, file)
    if (found := made.found) is None:
        return None, made.faults
    if made.faults:  # what stands in a wrong kind's place says nothing of its neighbours
        return found, fresh(made.faults, _faults(file, found))
    return found, [*_node_faults(file, found), *_faults(file, found)]


def _node_faults(file: TomlFile, found: AreaFile) -> Iterator[Fault]:
    nodes = {row.id: row for row in found.node}
    for index, node in enumerate(found.node):
        above = nodes.get(node.parent or "")
        if above is not None and above.kind not in FED_BY[node.kind]:
            says = f"a {node.kind} is not fed by a {above.kind}. Correct one of the kinds, or the parent."
            yield file.fault(("node", index, "parent"), says)
        if node.vector_group and not VECTOR_GROUP.fullmatch(node.vector_group):
            yield file.fault(("node", index, "vector_group"), f"{node.vector_group!r} is none, such as Dyn11 or Yyn0.")


def _faults(file: TomlFile, found: AreaFile) -> Iterator[Fault]:
    nodes = {row.id for row in found.node}
    for index, row in enumerate(found.planned):
        if row.node not in nodes:
            yield file.fault(("planned", index, "node"), f"there is no node {row.node!r}. Name one of the [[node]]s.")
        for name, at in (("start", row.start), ("end", row.end)):
            yield from _moment(file, ("planned", index, name), at)
        if row.end <= row.start:
            yield file.fault(("planned", index, "end"), "is not after start. Correct one of them.")
    for index, order in enumerate(found.order):
        yield from _moment(file, ("order", index, "at"), order.at)


def _moment(file: TomlFile, path: KeyPath, at: datetime) -> Iterator[Fault]:
    if not on_calendar(at.timestamp()):
        yield file.fault(path, f"{at.year} is not from 1970 to 2199. Correct it.")

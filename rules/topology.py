"""The tree of an area: what is below what, who hangs where, and what is wrong with a topology."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from rules.area import Area, Device, Node

PHASES = "ABC"


class Tree:
    """Queries over one area. Built once; an area whose `faults` are not empty must not get here."""

    def __init__(self, area: Area) -> None:
        self.area = area
        self.nodes: dict[str, Node] = {node.id: node for node in area.nodes}
        self.devices: dict[str, Device] = {device.id: device for device in area.devices}
        self.children: dict[str, list[str]] = {node.id: [] for node in area.nodes}
        self.here: dict[str, list[Device]] = {node.id: [] for node in area.nodes}
        for node in area.nodes:
            if node.parent is not None:
                self.children[node.parent].append(node.id)
        for device in area.devices:
            self.here[device.node].append(device)
        self.bottom_up: tuple[str, ...] = tuple(self._bottom_up())
        self.rank: dict[str, int] = {node: place for place, node in enumerate(self.bottom_up)}
        self.below: dict[str, tuple[Device, ...]] = {}
        for node_id in self.bottom_up:
            under = list(self.here[node_id])
            for child in self.children[node_id]:
                under += self.below[child]
            self.below[node_id] = tuple(under)
        self.bits: dict[str, int] = {device.id: 1 << number for number, device in enumerate(area.devices)}
        self.bits_below: dict[str, tuple[int, ...]] = {
            node: tuple(sum(self.bits[device.id] for device in below if phase in device.phases) for phase in PHASES)
            for node, below in self.below.items()
        }
        """The devices on each phase at and below a node, one bit for each device."""
        self.upward: dict[str, tuple[str, ...]] = {node.id: tuple(self._upward(node.id)) for node in area.nodes}

    def parent(self, node: str) -> str | None:
        """What feeds a node; a device is fed by the node that it hangs on."""
        if node in self.nodes:
            return self.nodes[node].parent
        return self.devices[node].node

    def covers(self, node: str, device: str) -> bool:
        """Whether the device loses supply with the node."""
        return node == device or (device in self.devices and node in self.upward[self.devices[device].node])

    def is_within(self, node: str, outer: str) -> bool:
        """Whether `node` is `outer` or lies below it. Devices count as nodes."""
        if node == outer:
            return True
        start = node if node in self.nodes else self.devices[node].node
        return outer in self.upward[start]

    def meters_below(self, node: str, phases: str = PHASES) -> tuple[str, ...]:
        """Meters that a loss of these phases at the node affects."""
        if node not in self.nodes:
            return (node,)
        wanted = set(phases)
        return tuple(d.id for d in self.below[node] if d.kind == "meter" and wanted.intersection(d.phases))

    def common(self, devices: Iterable[str]) -> str:
        """The lowest node that all of these devices hang below. Raises ValueError without devices."""
        paths = [self.upward[self.devices[device].node] for device in devices]
        if not paths:
            raise ValueError("no devices, no common node")
        return next(node for node in paths[0] if all(node in path for path in paths))

    def step_towards(self, node: str, device: str) -> str:
        """The child of a node that a device hangs below, or the device itself when it hangs right there."""
        path = self.upward[self.devices[device].node]
        place = path.index(node)
        return path[place - 1] if place else device

    def equivalents(self, node: str) -> tuple[str, ...]:
        """Other nodes with the same devices below: no reading can tell them from `node`. Topmost first."""
        if node not in self.nodes:
            return ()
        size = len(self.below[node])
        up = [other for other in self.upward[node][1:] if len(self.below[other]) == size]
        down: list[str] = []
        same = [node] if size else []
        while same:
            same = [child for child in self.children[same[0]] if len(self.below[child]) == size]
            down += same
        return (*reversed(up), *down)

    def customers(self, devices: Iterable[str]) -> tuple[str, ...]:
        """The customers behind these devices, without repeats."""
        names = (self.devices[device].customer for device in devices if device in self.devices)
        return tuple(dict.fromkeys(name for name in names if name))

    def transformer(self) -> Node | None:
        """The area's transformer; None when the topology does not name one."""
        return next((node for node in self.area.nodes if node.kind == "transformer"), None)

    def feeder(self, node: str) -> str | None:
        """The outgoing feeder that a node lies on; None above the feeders."""
        return next((up for up in self.upward[node] if self.nodes[up].kind == "feeder"), None)

    def _upward(self, node: str) -> Iterator[str]:
        at: str | None = node
        while at is not None:
            yield at
            at = self.nodes[at].parent

    def _bottom_up(self) -> list[str]:
        order: list[str] = []
        todo = [node.id for node in self.area.nodes if node.parent is None]
        while todo:
            node = todo.pop()
            order.append(node)
            todo += self.children[node]
        order.reverse()
        return order


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a topology."""

    about: Literal["area", "node", "device", "bus"]
    id: str  # of the node, device or bus; '' for the area as a whole
    says: str

    def __str__(self) -> str:
        return f"{self.about} {self.id}: {self.says}" if self.id else self.says


def faults(area: Area) -> list[Fault]:
    """Everything that is wrong with a topology; empty when rules can work on it."""
    return [*_node_faults(area), *_device_faults(area), *_bus_faults(area)]


def _node_faults(area: Area) -> Iterator[Fault]:
    nodes: dict[str, Node] = {}
    for node in area.nodes:
        if node.id in nodes:
            yield Fault("node", node.id, "is named twice; give each node an id of its own.")
        nodes[node.id] = node
    roots = [node.id for node in area.nodes if node.parent is None]
    if not area.nodes:
        yield Fault("area", "", "the area has no nodes; name at least its transformer.")
    elif not roots:
        yield Fault("area", "", "no node is without a parent; the topmost (transformer or MV feeder) must have none.")
    elif len(roots) > 1:
        yield Fault("node", roots[1], f"{', '.join(roots)} are all without a parent; an area has one root.")
    for node in nodes.values():
        if node.parent is not None and node.parent not in nodes:
            yield Fault("node", node.id, f"its parent {node.parent!r} does not exist.")
        if not node.phases or set(node.phases) - set(PHASES):
            yield Fault("node", node.id, f"phases {node.phases!r} are not some of A, B, C.")
    yield from _loops(nodes)


def _loops(nodes: dict[str, Node]) -> Iterator[Fault]:
    told: set[str] = set()
    for start in nodes:
        path: list[str] = []
        at: str | None = start
        while at in nodes and at not in path and at not in told:
            path.append(at)
            at = nodes[at].parent
        if at in path:
            loop = path[path.index(at) :]
            yield Fault("node", start, f"{' -> '.join([*loop, at])} feed each other in a loop; correct a parent.")
        told.update(path)


def _device_faults(area: Area) -> Iterator[Fault]:
    nodes = {node.id: node for node in area.nodes}
    seen: set[str] = set()
    for device in area.devices:
        if device.id in seen:
            yield Fault("device", device.id, "is named twice; give each device an id of its own.")
        seen.add(device.id)
        if (not device.phases and device.kind != "sensor") or set(device.phases) - set(PHASES):
            yield Fault("device", device.id, f"phases {device.phases!r} are not some of A, B, C.")
        elif device.node not in nodes:
            yield Fault("device", device.id, f"hangs on node {device.node!r}, which does not exist.")
        elif lacking := sorted(set(device.phases) - set(_phases_at(nodes, device.node))):
            yield Fault(
                "device", device.id, f"is on phase {', '.join(lacking)}, which node {device.node} does not have."
            )


def _phases_at(nodes: dict[str, Node], node: str) -> str:
    """Phases that reach a node: those that it and everything above it have."""
    phases = set(PHASES)
    seen: set[str] = set()
    at: str | None = node
    while at in nodes and at not in seen:
        seen.add(at)
        phases &= set(nodes[at].phases)
        at = nodes[at].parent
    return "".join(sorted(phases))


def _bus_faults(area: Area) -> Iterator[Fault]:
    nodes = {node.id for node in area.nodes}
    for bus in area.buses:
        if bus.collector_node is not None and bus.collector_node not in nodes:
            yield Fault("bus", bus.id, f"its collector hangs on node {bus.collector_node!r}, which does not exist.")

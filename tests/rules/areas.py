"""Small areas and recordings of them, for tests of the rules."""

from collections.abc import Iterator, Sequence

from gateway.simulate import network
from gateway.simulate.fault import Fault
from gateway.simulate.observing import Polling, observe
from gateway.simulate.scenario import Episode, Expectation, Scenario
from rules.area import Area, Bus, Device, Node
from rules.engine import Engine
from rules.incident import Incident
from rules.kinds import KINDS
from rules.observation import Observation

START = 1_760_000_000.0
NOTHING_EXPECTED = Expectation(types=(), nodes=())

NODES = (
    Node("MV", "mv_feeder"),
    Node("T1", "transformer", "MV", rated_kva=200.0, vector_group="Dyn11"),
    Node("F1", "feeder", "T1"),
    Node("L1", "line", "F1", length_m=60),
    Node("L2", "line", "L1", length_m=50),
    Node("F2", "feeder", "T1"),
    Node("L3", "line", "F2", length_m=40),
    Node("B1", "box", "L1"),
    Node("B2", "box", "L2"),
    Node("B3", "box", "L2"),
    Node("B4", "box", "L3"),
    Node("B5", "box", "L3"),
)


def village(meters_in_box: int = 6, poll_s: float = 60.0, neighbours: int = 2, collector: str | None = None) -> Area:
    """Two feeders, five boxes on two lines, a terminal at the transformer and one at each feeder."""
    devices = [
        Device(
            f"{box}-{number}",
            "meter",
            box,
            "ABC"[number % 3] if number else "ABC",
            "RS1" if box < "B3" else "RS2",
            f"C-{box}-{number}",
        )
        for box in ("B1", "B2", "B3", "B4", "B5")
        for number in range(meters_in_box)
    ]
    devices += [Device("TTU", "ttu", "T1", bus="TTU", backup_s=1800)]
    devices += [Device(f"LTU{feeder}", "ltu", f"F{feeder}", bus="LTU") for feeder in (1, 2)]
    devices += [Device(f"NT{number}", "neighbour_ttu", "MV", bus="NB") for number in range(neighbours)]
    return Area("village", NODES, tuple(devices), (Bus("RS1", collector), Bus("RS2")), poll_period_s=poll_s)


def scenario(*faults: tuple[Fault, float, float]) -> Scenario:
    """Faults with the seconds at which they begin and end."""
    episodes = tuple(
        Episode(f"fault-{number}", fault, begin, end, fault.kind, NOTHING_EXPECTED)
        for number, (fault, begin, end) in enumerate(faults)
    )
    return Scenario("test", max((end for _, _, end in faults), default=0.0) + 600, episodes)


def readings(
    area: Area, *faults: tuple[Fault, float, float], minutes: float = 40, seed: int = 1, timeouts: float = 0.0
) -> Iterator[Observation]:
    """What the gateway would read of an area while these faults come and go."""
    polling = Polling(
        START,
        minutes * 60,
        area.poll_period_s,
        apart_s=min(0.5, area.poll_period_s / 100),
        timeouts=timeouts,
        garbled=0.0,
    )
    return observe(network.build(area, seed), scenario(*faults), polling, seed)


def run(engine: Engine, observations: Sequence[Observation] | Iterator[Observation]) -> list[Incident]:
    """Everything that the engine says about incidents, in order."""
    said = [incident for seen in observations for incident in engine.take(seen).incidents]
    assert [one for one in said if one.severity not in KINDS[one.type].severities] == [], "see rules/kinds.py"
    return said


def found(said: Sequence[Incident]) -> list[Incident]:
    """The newest word on every incident that was ever confirmed."""
    sure = {incident.id for incident in said if incident.state == "confirmed"}
    newest = {incident.id: incident for incident in said if incident.id in sure}
    return list(newest.values())

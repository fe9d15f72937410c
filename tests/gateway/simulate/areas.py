"""Small areas for the tests of the simulation."""

from rules.area import Area, Bus, Device, Node


def small_area() -> Area:
    """Two feeders, three lines, seven boxes with a meter a phase, a three-phase meter and three terminals."""
    boxes = {"B1": "L1", "B2": "L1", "B3": "L2", "B4": "L2", "B5": "L3", "B6": "L3", "B7": "F2"}
    nodes = [
        Node("MV", "mv_feeder"),
        Node("T1", "transformer", "MV", rated_kva=200),
        Node("F1", "feeder", "T1"),
        Node("F2", "feeder", "T1"),
        Node("L1", "line", "F1", length_m=80),
        Node("L2", "line", "L1", length_m=90),
        Node("L3", "line", "F2", length_m=120),
        *(Node(box, "box", parent) for box, parent in boxes.items()),
    ]
    meters = [
        Device(f"{box}{phase}", "meter", box, phase, bus="RS1" if parent in ("L1", "L2") else "RS2")
        for box, parent in boxes.items()
        for phase in "ABC"
    ]
    others = [
        Device("B4X", "meter", "B4", "ABC", bus="RS1"),
        Device("TTU", "ttu", "T1"),
        Device("LTU1", "ltu", "F1"),
        Device("TTU2", "neighbour_ttu", "MV"),
    ]
    return Area("test", tuple(nodes), (*meters, *others), (Bus("RS1"), Bus("RS2", collector_node="B5")))

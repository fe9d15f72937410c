"""A recording as a picture: voltages by phase and node over time, incidents as bands.

SVG, written by hand; where a PNG is wanted resvg draws it, which the extra `plot` installs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape

from gateway.clock import iso
from gateway.recording import Recording
from rules.area import Area
from rules.incident import Incident
from rules.observation import Observation
from rules.topology import Tree

WIDTH, LEFT, RIGHT, TOP = 1280, 60, 170, 44  # pixels
LANE, PANEL, GAP = 20, 200, 34  # height of an incident's lane and of a phase's panel, space below a panel
COLUMNS = 600  # times that are drawn apart, at most
LETTER = 6.2  # about the width of a letter, in pixels
FONTS = "Noto Sans CJK SC, Noto Sans SC, Source Han Sans SC, DejaVu Sans, Liberation Sans, Arial, Helvetica, sans-serif"
SHARPNESS = 2.0  # pixels of a PNG to one of the picture
LOWEST = 0.3  # of Un: what reads lower is drawn on the lower edge
SEVERITIES = {"critical": "#b3261e", "major": "#d9730d", "minor": "#b38f00", "info": "#5f6b7a"}
FEEDERS = ("#1f6fb4", "#2a8a4a", "#7a4fb0", "#0f8f8f", "#a8502f", "#b0488f", "#5d7f1f", "#40566b")
TERMINAL = "#111111"
STEPS_S = (60, 300, 600, 1800, 3600, 2 * 3600, 6 * 3600, 12 * 3600, 86_400, 7 * 86_400)


@dataclass(slots=True)
class Gathered:
    """Mean voltages of one node on one phase, by column."""

    sums: dict[int, float] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, column: int, volt: float) -> None:
        self.sums[column] = self.sums.get(column, 0.0) + volt
        self.counts[column] = self.counts.get(column, 0) + 1

    def means(self) -> list[tuple[int, float]]:
        return [(column, self.sums[column] / self.counts[column]) for column in sorted(self.sums)]


class Voltages:
    """Gathers the voltages of a recording while it is replayed."""

    def __init__(self, recording: Recording) -> None:
        self.area = recording.area
        self.column_s = max(recording.area.poll_period_s, (recording.end - recording.start) / COLUMNS)
        self.lines: dict[tuple[str, str], Gathered] = {}  # by phase and node
        self._places = {d.id: (d.node, d.phases) for d in recording.area.devices if d.kind != "neighbour_ttu"}

    def take(self, seen: Observation) -> None:
        """One more observation."""
        node, phases = self._places.get(seen.device, ("", ""))
        column = int(seen.at // self.column_s)
        for phase in phases:
            volt = seen.values.get(f"voltage_{phase.lower()}")
            if volt is None and len(phases) == 1:
                volt = seen.values.get("voltage")
            if volt is not None:
                self.lines.setdefault((phase, node), Gathered()).add(column, volt)


def draw(voltages: Voltages, incidents: Sequence[Incident], limits: Sequence[float]) -> str:
    """The picture, as the text of an SVG file; `limits` are drawn as lines, in V."""
    picture = _Picture(voltages, sorted(incidents, key=lambda one: one.started_at), limits)
    return "\n".join(picture.parts()) + "\n"


class PictureError(Exception):
    """A picture that cannot be drawn here: says what is missing."""


def drawer(path: Path) -> Callable[[str], bytes]:
    """What makes the bytes of a file from a picture's text, by the file's ending. Raises PictureError."""
    if path.suffix == ".svg":
        return str.encode
    if path.suffix != ".png":
        raise PictureError(f"{path}: a picture is an .svg or a .png; name the file {path.with_suffix('.svg').name}")
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise PictureError(
            f"{path}: PNG needs one more package: pip install resvg-py; {path.with_suffix('.svg').name} needs none"
        ) from None
    png = partial(svg_to_bytes, zoom=SHARPNESS)
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" font-family="{FONTS}">'
    if png(svg_string=f'{frame}<text y="15">V</text></svg>') == png(svg_string=f"{frame}</svg>"):
        raise PictureError(
            f"{path}: no font is found for the texts of a PNG: install one, for example fonts-dejavu-core"
        )
    return lambda text: png(svg_string=text)


class _Picture:
    """Where everything stands."""

    def __init__(self, voltages: Voltages, incidents: Sequence[Incident], limits: Sequence[float]) -> None:
        self.voltages = voltages
        self.incidents = incidents
        self.limits = limits
        columns = [column for line in voltages.lines.values() for column in line.sums]
        self.start = min(columns, default=0) * voltages.column_s
        self.end = (max(columns, default=0) + 1) * voltages.column_s
        self.phases = sorted({phase for phase, _ in voltages.lines})
        self.panels = TOP + LANE * len(incidents) + 24
        self.height = self.panels + (PANEL + GAP) * max(1, len(self.phases))
        least = LOWEST * voltages.area.nominal_voltage
        shown = [volt for line in voltages.lines.values() for _, volt in line.means() if volt > least]
        self.low, self.high = min([*shown, *limits]) - 4, max([*shown, *limits]) + 4
        self.colours = _colours(voltages.area)

    def x(self, at: float) -> float:
        share = (at - self.start) / (self.end - self.start)
        return LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT)

    def y(self, panel: int, volt: float) -> float:
        share = (max(volt, self.low) - self.low) / (self.high - self.low)
        return self.panels + panel * (PANEL + GAP) + (1 - share) * PANEL

    def parts(self) -> Iterator[str]:
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" '
            f'height="{self.height}" font-family="{FONTS}" font-size="11" fill="#222">'
        )
        yield f'<rect width="{WIDTH}" height="{self.height}" fill="white"/>'
        title = f"{self.voltages.area.id}: {iso(self.start)[:16]} to {iso(self.end)[:16]} UTC"
        yield f'<text x="{LEFT}" y="24" font-size="15" font-weight="bold">{escape(title)}</text>'
        for lane, incident in enumerate(self.incidents):
            yield from self._incident(lane, incident)
        for panel, phase in enumerate(self.phases):
            yield from self._panel(panel, phase)
        yield from self._legend()
        yield "</svg>"

    def _incident(self, lane: int, incident: Incident) -> Iterator[str]:
        """Its bar with a label in a lane of its own, and its band over the voltages."""
        colour = SEVERITIES[incident.severity]
        left, top = self.x(incident.started_at), TOP + lane * LANE
        width = max(2.0, self.x(incident.ended_at or self.end) - left)
        bottom = self.panels + (PANEL + GAP) * len(self.phases) - GAP
        phases = f" {incident.phases}" if incident.phases else ""
        meters = len(incident.devices)
        affected = f", {meters} meter{'s' if meters > 1 else ''}" if meters else ""
        label = f"{incident.type} {incident.node}{phases}{affected}"
        tip = escape(f"{incident.id}: {label}. {' '.join(incident.evidence)}")
        yield f'<g class="incident"><title>{tip}</title>'
        yield f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{LANE - 6}" fill="{colour}"/>'
        band = f'<rect x="{left:.1f}" y="{self.panels}" width="{width:.1f}" height="{bottom - self.panels}"'
        yield f'{band} fill="{colour}" fill-opacity="{0.04 if incident.severity == "info" else 0.12}"/>'
        after = left + width + 4 + LETTER * len(label) < WIDTH
        place = f'x="{left + width + 4:.1f}"' if after else f'x="{left - 4:.1f}" text-anchor="end"'
        if not after and left - 4 - LETTER * len(label) < 0:  # no room on either side: on the bar
            place = f'x="{left + 4:.1f}" style="fill: white"'
        yield f'<text {place} y="{top + 11}" fill="{colour}">{escape(label)}</text></g>'

    def _panel(self, panel: int, phase: str) -> Iterator[str]:
        top = self.panels + panel * (PANEL + GAP)
        right = WIDTH - RIGHT
        yield (
            f'<rect x="{LEFT}" y="{top}" width="{right - LEFT}" height="{PANEL}" fill="none" stroke="#888"/>'
            f'<text x="{LEFT}" y="{top - 6}" font-weight="bold">phase {phase}, V</text>'
        )
        for volt in _between(self.low, self.high, 20.0 if self.high - self.low > 60 else 10.0):
            y = self.y(panel, volt)
            yield f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{volt:.0f}</text>'
        for volt in self.limits:
            yield f'<path d="M{LEFT} {self.y(panel, volt):.1f}H{right}" stroke="#b3261e" stroke-dasharray="5 4"/>'
        yield from self._times(top)
        for node, line in sorted((node, line) for (on, node), line in self.voltages.lines.items() if on == phase):
            yield self._line(panel, node, line)

    def _times(self, top: int) -> Iterator[str]:
        step = next((s for s in STEPS_S if (self.end - self.start) / s <= 14), STEPS_S[-1])
        for at in _between(self.start, self.end, float(step)):
            x = self.x(at)
            yield f'<path d="M{x:.1f} {top}v{PANEL}" stroke="#eee"/>'
            text = iso(at)[5:10] if step >= 86_400 else iso(at)[11:16]
            yield f'<text x="{x:.1f}" y="{top + PANEL + 14}" text-anchor="middle">{text}</text>'

    def _line(self, panel: int, node: str, line: Gathered) -> str:
        """A node's voltage, with gaps where nothing answered."""
        path, before = [], -2
        for column, volt in line.means():
            x = self.x((column + 0.5) * self.voltages.column_s)
            path.append(f"{'L' if column - before <= 2 else 'M'}{x:.1f} {self.y(panel, volt):.1f}")
            before = column
        colour = self.colours[node]
        width = 1.8 if colour == TERMINAL else 0.8
        return (
            f'<path class="node" d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="{width}">'
            f"<title>{escape(node)}</title></path>"
        )

    def _legend(self) -> Iterator[str]:
        """The colours: a feeder's with the nodes that were read below it."""
        below: dict[str, list[str]] = {}
        for node in sorted({node for _, node in self.voltages.lines}):
            below.setdefault(self.colours[node], []).append(node)
        tree, x, y = Tree(self.voltages.area), WIDTH - RIGHT + 14, self.panels + 12
        for colour, nodes in below.items():
            feeder = tree.feeder(nodes[0])
            name = f"below {feeder}" if feeder else ", ".join(nodes)
            count = f" ({len(nodes)} nodes)" if feeder else ""
            yield f'<path d="M{x} {y - 4}h18" stroke="{colour}" stroke-width="3"/>'
            yield f'<text x="{x + 24}" y="{y}">{escape(name + count)}</text>'
            y += 18
        yield f'<path d="M{x} {y - 4}h18" stroke="#b3261e" stroke-dasharray="5 4"/>'
        yield f'<text x="{x + 24}" y="{y}">limits</text>'


def _colours(area: Area) -> dict[str, str]:
    """A colour for each feeder's nodes; what stands above the feeders is black."""
    tree = Tree(area)
    feeders = [node.id for node in area.nodes if node.kind == "feeder"]
    colours = {feeder: FEEDERS[number % len(FEEDERS)] for number, feeder in enumerate(feeders)}
    return {node.id: colours.get(tree.feeder(node.id) or "", TERMINAL) for node in area.nodes}


def _between(low: float, high: float, step: float) -> Iterable[float]:
    """Multiples of a step within bounds."""
    first = int(-(-low // step))
    return (number * step for number in range(first, int(high // step) + 1))

"""How the demo looks: a live screen for a terminal, plain lines for everything else, and the table at the end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from gateway.simulate.board import Board, Seen
from gateway.simulate.judge import Finding, Result, Said
from rules.area import Device, Node

LOW, HIGH = 198.0, 235.4
"""The standard's limits for 220 V, here only for colour."""
VERDICTS = {"found": "green", "waiting": "yellow", "misplaced": "red", "missed": "red", "invented": "red"}
STATES = {"suspected": "yellow", "confirmed": "red", "cleared": "green", "cancelled": "dim", "explained": "dim"}
LEGEND = "volts, red beyond the limits; ─── silent"


@dataclass(frozen=True, slots=True)
class Room:
    """What a terminal has to give."""

    width: int = 132
    height: int = 44

    @property
    def name(self) -> int:
        """Columns for the name of a node; its id is always shown."""
        return 20 if self.width >= 126 else 9 if self.width >= 104 else 0

    def incidents(self, episodes: int) -> int:
        """How many incidents fit below that many faults, two lines each."""
        return max(3, (self.height - episodes - 7) // 2)


def screen(board: Board, figures: str, room: Room) -> RenderableType:
    """The whole live screen."""
    two = Table.grid(expand=True, padding=(0, 1))
    two.add_column(ratio=1)
    two.add_column(ratio=1)
    right = Group(
        Panel(_happened(board), title="what happens to the area", title_align="left", border_style="magenta"),
        Panel(
            _told(board, room.incidents(len(board.scenario.episodes))),
            title="what the gateway says (heard over MQTT)",
            title_align="left",
            border_style="cyan",
        ),
    )
    left = Panel(
        _area(board, room.name),
        title="what the gateway reads",
        title_align="left",
        subtitle=LEGEND if room.name else None,
        subtitle_align="left",
        border_style="blue",
    )
    two.add_row(left, right)
    return Group(_head(board), two, Text(f" {figures}", style="dim"))


def verdict(result: Result) -> Table:
    """Fault, where, found as, where, seconds, verdict."""
    table = Table(title="what was done, and what the gateway found", title_justify="left", expand=False)
    for column in ("fault", "where", "found as", "where", "seconds", "verdict"):
        table.add_column(column, justify="right" if column == "seconds" else "left")
    for finding in result.findings:
        said, fault = finding.said, finding.episode.fault
        table.add_row(
            fault.kind.replace("_", " "),
            place(fault.where, fault.phases),
            said.type if said else "-",
            place(said.node, said.phases) if said else "-",
            f"{finding.seconds:.1f}" if finding.seconds is not None else "-",
            Text(finding.judgement, style=VERDICTS[finding.judgement]),
        )
    for said in result.invented:
        table.add_row("-", "-", said.type, place(said.node, said.phases), "-", Text("invented", style="red"))
    return table


def summary(result: Result) -> str:
    """The table in a sentence."""
    found = sum(finding.judgement == "found" for finding in result.findings)
    times = [finding.seconds for finding in result.findings if finding.seconds is not None]
    longest = f", the slowest after {max(times):.1f} s" if times else ""
    return f"{found} of {len(result.findings)} faults found at their place{longest}; {len(result.invented)} invented."


def as_json(result: Result) -> dict[str, object]:
    """The verdict for programs."""
    faults = [
        {
            "id": finding.episode.id,
            "fault": finding.episode.fault.kind,
            "where": finding.episode.fault.where,
            "found_as": finding.said.type if finding.said else None,
            "found_where": finding.said.node if finding.said else None,
            "seconds": finding.seconds,
            "verdict": finding.judgement,
        }
        for finding in result.findings
    ]
    invented = [{"type": said.type, "node": said.node, "id": said.id} for said in result.invented]
    return {"good": result.good, "faults": faults, "invented": invented}


def line(said: Said, incident: Mapping[str, Any]) -> str:
    """One word of the gateway as plain text."""
    whom = f"; {_people(said.customers)}" if said.customers else ""
    why = f"; {incident['evidence'][0]}" if incident.get("evidence") and said.state == "confirmed" else ""
    return f"{said.state:9} {said.severity:8} {said.type} at {place(said.node, said.phases)}{whom}{why}"


def place(node: str, phases: str) -> str:
    """A node with its phases, when it is not about all of them."""
    return f"{node} {phases}" if phases and phases != "ABC" else node


def _people(count: int) -> str:
    return f"{count} customer{'s' if count != 1 else ''}"


def _head(board: Board) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(width=24)
    grid.add_column(width=14, justify="right")
    title = Text.assemble((" taiqu demo ", "bold reverse"), "  ", (board.scenario.title, "bold"))
    if board.second < 0:
        grid.add_row(title, "", Text("reading in", style="yellow"))
    else:
        second = min(board.second, board.scenario.length_s)
        bar = ProgressBar(total=max(board.scenario.length_s, 1), completed=second)
        grid.add_row(title, bar, f"{second:.0f} of {board.scenario.length_s:.0f} s")
    return grid


def _happened(board: Board) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(justify="right", style="dim", width=4)
    table.add_column(width=1)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(width=12)
    findings = {finding.episode.id: finding for finding in board.result.findings}
    for episode in board.scenario.episodes:
        begun = board.second >= episode.begin_s
        over = episode.end_s is not None and board.second >= episode.end_s
        mark, style = ("·", "dim") if not begun else ("✓", "dim") if over else ("✗", "bold")
        words = Text(episode.title, style=style)
        table.add_row(
            f"{episode.begin_s:.0f} s", Text(mark, style=style), words, _found(findings.get(episode.id), begun)
        )
    return table


def _found(finding: Finding | None, begun: bool) -> Text:
    if finding is None or not begun:
        return Text("")
    if finding.seconds is not None:
        return Text(f"found {finding.seconds:4.1f} s", style="green")
    return Text(finding.judgement, style=VERDICTS[finding.judgement])


def _told(board: Board, shown: int) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(justify="right", style="dim", width=4)
    table.add_column(width=9)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    latest = sorted(board.incidents.values(), key=lambda row: board.heard_at[row["id"]])[-shown:]
    for row in latest:
        state = str(row["state"])
        what = Text.assemble(
            (str(row["type"]).replace("_", " "), "bold" if state in ("suspected", "confirmed") else "dim"),
            " at ",
            (place(row["node"], row.get("phases", "")), "bold cyan"),
            f", {_people(len(row['customers']))}" if row.get("customers") else "",
        )
        if row.get("evidence") and state in ("suspected", "confirmed"):
            what.append(f"\n{row['evidence'][0]}", style="dim italic")
        table.add_row(f"{board.heard_at[row['id']]:.0f} s", Text(state, style=STATES[state]), what)
    return table if latest else Text("nothing to report", style="dim")


def _area(board: Board, name: int) -> RenderableType:
    devices: dict[str, list[Device]] = {}
    for device in board.site.area.devices:
        devices.setdefault(device.node, []).append(device)
    top = next(node for node in board.site.area.nodes if node.kind == "transformer")
    tree = Tree(_node(board, top, devices, name), guide_style="dim")
    _grow(tree, board, top, devices, name)
    return tree


def _grow(tree: Tree, board: Board, above: Node, devices: Mapping[str, list[Device]], name: int) -> None:
    for node in board.site.area.nodes:
        if node.parent == above.id:
            branch = tree.add(_node(board, node, devices, name))
            _grow(branch, board, node, devices, name)


def _node(board: Board, node: Node, devices: Mapping[str, list[Device]], name: int) -> Text:
    text = Text.assemble((f"{node.id:<4}", "bold"), no_wrap=True, overflow="ellipsis")
    text.append(f"{node.name:<{name}.{name}} " if name else "", style="dim")
    for device in devices.get(node.id, []):
        for part in _device(board.seen.get(device.id), device):
            text.append_text(part)
    return text


def _device(seen: Seen | None, device: Device) -> Iterator[Text]:
    """A device in a few characters: its voltages, coloured, or that it is silent."""
    if seen is None:
        yield Text(" ···", style="dim")
    elif seen.fault:
        yield Text(" ───", style="red")
    else:
        points = ["voltage"] if len(device.phases) == 1 else [f"voltage_{phase.lower()}" for phase in device.phases]
        for index, point in enumerate(points):
            value = seen.values.get(point)
            yield Text(" " if index == 0 else "/")
            if value is None:
                yield Text("  ?", style="yellow")
            else:
                yield Text(f"{value:3.0f}", style="green" if LOW <= value <= HIGH else "red bold")
    if device.kind in ("ttu", "ltu") and seen is not None and not seen.fault:
        yield Text(f" {seen.values.get('active_power') or 0:.1f} kW", style="dim")

"""How the demo looks: a live screen for a terminal, plain lines for everything else, and the table at the end."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
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
SHOWN_INCIDENTS = 9


def screen(board: Board, figures: str) -> RenderableType:
    """The whole live screen."""
    two = Table.grid(expand=True, padding=(0, 1))
    two.add_column(ratio=5)
    two.add_column(ratio=6)
    right = Group(
        Panel(_happened(board), title="what happens to the area", title_align="left", border_style="magenta"),
        Panel(_told(board), title="what the gateway says (heard over MQTT)", title_align="left", border_style="cyan"),
    )
    two.add_row(Panel(_area(board), title="what the gateway reads", title_align="left", border_style="blue"), right)
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
    whom = f"; {said.customers} customers" if said.customers else ""
    why = f"; {incident['evidence'][0]}" if incident.get("evidence") and said.state == "confirmed" else ""
    return f"{said.state:9} {said.severity:8} {said.type} at {place(said.node, said.phases)}{whom}{why}"


def place(node: str, phases: str) -> str:
    """A node with its phases, when it is not about all of them."""
    return f"{node} {phases}" if phases and phases != "ABC" else node


def _head(board: Board) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=1)
    grid.add_column(width=30)
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
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim")
    table.add_column(width=1)
    table.add_column(ratio=1)
    table.add_column()
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
        return Text(f"found in {finding.seconds:.1f} s", style="green")
    return Text(finding.judgement, style=VERDICTS[finding.judgement])


def _told(board: Board) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim")
    table.add_column()
    table.add_column(ratio=1)
    latest = sorted(board.incidents.values(), key=lambda row: board.heard_at[row["id"]])[-SHOWN_INCIDENTS:]
    for row in latest:
        state = str(row["state"])
        what = Text.assemble(
            (str(row["type"]).replace("_", " "), "bold" if state in ("suspected", "confirmed") else "dim"),
            " at ",
            (place(row["node"], row.get("phases", "")), "bold cyan"),
            f", {len(row['customers'])} customers" if row.get("customers") else "",
        )
        if row.get("evidence") and state in ("suspected", "confirmed"):
            what.append(f"\n{row['evidence'][0]}", style="dim italic")
        table.add_row(f"{board.heard_at[row['id']]:.0f} s", Text(state, style=STATES[state]), what)
    return table if latest else Text("nothing to report", style="dim")


def _area(board: Board) -> RenderableType:
    nodes = board.site.area.nodes
    devices: dict[str, list[Device]] = {}
    for device in board.site.area.devices:
        devices.setdefault(device.node, []).append(device)
    top = next(node for node in nodes if node.kind == "transformer")
    tree = Tree(_node(board, top, devices.get(top.id, [])), guide_style="dim")
    _grow(tree, board, top, devices)
    return tree


def _grow(tree: Tree, board: Board, above: Node, devices: Mapping[str, list[Device]]) -> None:
    for node in board.site.area.nodes:
        if node.parent == above.id:
            branch = tree.add(_node(board, node, devices.get(node.id, [])))
            _grow(branch, board, node, devices)


def _node(board: Board, node: Node, devices: list[Device]) -> Text:
    text = Text.assemble((f"{node.id:<4}", "bold"), (f"{escape(node.name):<20.20} ", "dim"))
    for device in devices:
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

"""Read planning: which registers are asked for together. Pure arithmetic, no protocol, no device.

A value is never cut: what is wanted together stays in one read. Inside the limits of the device the plan is the
cheapest one: a request has a price, a register read in vain has a price, and the partition with the lowest sum wins.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from drivers.errors import RequestError

Table = Literal["coil", "discrete", "holding", "input"]

READ_FUNCTION: dict[str, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
BIT_TABLES = ("coil", "discrete")
MOST_PLACES = 0x10000  # registers or bits of one table

_NUMBER = "0x[0-9A-Fa-f]{1,4}|0|[1-9][0-9]{0,4}"
_PLACE = re.compile(rf"(\w+) +({_NUMBER})(?:\+({_NUMBER}))?")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Neighbouring registers (or bits) of one table, by their address on the wire, which counts from zero."""

    table: str
    start: int
    count: int = 1

    @property
    def end(self) -> int:
        return self.start + self.count

    def covers(self, other: "Span") -> bool:
        return self.table == other.table and self.start <= other.start and other.end <= self.end

    def __str__(self) -> str:
        return f"{self.table} {self.start}" + (f"+{self.count}" if self.count > 1 else "")


def read_span(text: str) -> Span:
    """`input 0`, `holding 0x0800`, `coil 3`, `input 0+40`: a table and a wire address. Raises RequestError."""
    found = _PLACE.fullmatch(text.strip())
    span = Span(found[1], int(found[2], 0), int(found[3] or "1", 0)) if found else Span("", 0)
    if span.table not in READ_FUNCTION or span.count < 1 or span.end > MOST_PLACES:
        raise RequestError(
            f'where = {text!r} is no place; write coil, discrete, holding or input and the wire address: "input 52"'
        )
    return span


@dataclass(frozen=True, slots=True)
class Limits:
    """What one device allows, and what a request costs on its line."""

    max_registers: int = 125  # in one answer; the Modbus specification's limit
    max_bits: int = 2000
    max_gap: int = 0  # unwanted registers that may be read in between; 0: the device may refuse a hole
    alignment: int = 1  # first register and count must be multiples of it
    request_price: float = 20.0  # one more request, in registers that could be read in the same time

    def longest(self, table: str) -> int:
        return self.max_bits if table in BIT_TABLES else self.max_registers

    def grid(self, table: str) -> int:
        """Reads begin at multiples of it and are as long as one."""
        return 1 if table in BIT_TABLES else self.alignment

    def aligned(self, table: str, start: int, end: int) -> Span:
        grid = self.grid(table)
        first = start - start % grid
        return Span(table, first, end - first + -(end - first) % grid)


@dataclass(frozen=True, slots=True)
class Read:
    """One request: the registers asked for, and the wanted spans that the answer holds whole."""

    span: Span
    wanted: tuple[Span, ...]


def plan_reads(wanted: Iterable[Span], limits: Limits, refused: Iterable[Span] = ()) -> list[Read]:
    """The cheapest reads that hold every wanted span whole, and no span that the device has refused before.

    A wanted span that was itself refused is left out. One that is longer than the device allows makes a read of
    its own; checking profiles keeps such spans out.
    """
    spans = sorted(set(wanted))
    known_bad = tuple(refused)
    reads: list[Read] = []
    for table in READ_FUNCTION:
        bad = [span for span in known_bad if span.table == table]
        readable = [span for span in spans if span.table == table and not _holds(_read([span], limits).span, bad)]
        left = iter([*readable, None])
        span = next(left)
        for read in _cheapest(_outermost(readable), limits, bad):
            inside: list[Span] = []
            while span is not None and read.covers(span):
                inside.append(span)
                span = next(left)
            reads.append(Read(read, tuple(inside)))
    return reads


def split_read(read: Read, limits: Limits) -> list[Read]:
    """What to ask instead of a refused read: what lies before and behind its widest hole; without holes, its halves.

    Whether it was refused for that hole, another one or its length, the next refusals show. Nothing is left of a read
    that was made for a single span.
    """
    runs = _runs(read.wanted)
    if len(runs) > 1:
        gaps = [behind[0].start - _end(before) for before, behind in pairwise(runs)]
        cut = sum(len(run) for run in runs[: gaps.index(max(gaps)) + 1])
    else:
        cut = len(read.wanted) // 2
    return [_read(part, limits) for part in (read.wanted[:cut], read.wanted[cut:])] if cut else []


def without_holes(read: Read, limits: Limits) -> list[Read]:
    """What to ask instead of a read that stays unanswered, which costs a timeout each: nothing that is not wanted."""
    runs = _runs(read.wanted)
    return [_read(run, limits) for run in runs] if len(runs) > 1 else split_read(read, limits)


def holes(read: Read) -> list[Span]:
    """What a read fetches in vain between the spans that are wanted."""
    table = read.span.table
    return [
        Span(table, _end(before), behind[0].start - _end(before)) for before, behind in pairwise(_runs(read.wanted))
    ]


def _outermost(spans: Sequence[Span]) -> list[Span]:
    """Without those that lie in another: both begin and end of what is left go up."""
    outermost: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.count)):
        if not outermost or span.end > outermost[-1].end:
            outermost.append(span)
    return outermost


def _cheapest(spans: Sequence[Span], limits: Limits, bad: Sequence[Span]) -> list[Span]:
    """Dynamic programming over the spans in order: best[n] is the lowest price of reading the first n."""
    if not spans:
        return []
    table = spans[0].table
    grid, longest = limits.grid(table), limits.longest(table)
    best = [0.0] + [float("inf")] * len(spans)
    cut_before = [0] * (len(spans) + 1)
    for first, opening in enumerate(spans):
        start = opening.start - opening.start % grid
        most = min([start + longest, *(span.end - 1 for span in bad if span.start >= start)])
        read_to = start
        for last in range(first, len(spans)):
            span = spans[last]
            end = span.end + (start - span.end) % grid
            if last > first and (span.start - read_to > limits.max_gap or end > max(most, read_to)):
                break
            read_to = end
            price = best[first] + limits.request_price + end - start
            if price < best[last + 1]:
                best[last + 1], cut_before[last + 1] = price, first
    cuts = [len(spans)]
    while cuts[-1]:
        cuts.append(cut_before[cuts[-1]])
    cuts.reverse()
    return [limits.aligned(table, spans[first].start, spans[end - 1].end) for first, end in pairwise(cuts)]


def _holds(read: Span, bad: Sequence[Span]) -> bool:
    return any(read.covers(span) for span in bad)


def _runs(spans: Sequence[Span]) -> list[list[Span]]:
    """Spans that touch or overlap, together."""
    runs: list[list[Span]] = []
    end = -1
    for span in spans:
        if runs and span.start <= end:
            runs[-1].append(span)
        else:
            runs.append([span])
        end = max(end, span.end)
    return runs


def _end(spans: Sequence[Span]) -> int:
    return max(span.end for span in spans)


def _read(spans: Sequence[Span], limits: Limits) -> Read:
    return Read(limits.aligned(spans[0].table, spans[0].start, _end(spans)), tuple(spans))

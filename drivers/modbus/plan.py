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

    def aligned(self, table: str, start: int, end: int) -> Span:
        if table in BIT_TABLES:
            return Span(table, start, end - start)
        first = start - start % self.alignment
        return Span(table, first, end - first + -(end - first) % self.alignment)


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
        reads += _cheapest([span for span in spans if span.table == table], limits)
    return [part for read in reads for part in _without(read, limits, known_bad)]


def split_read(read: Read, limits: Limits) -> list[Read]:
    """What to ask instead of a refused read: the runs between its holes; without holes, its halves.

    Nothing is left of a read that was made for a single span.
    """
    runs = _runs(read.wanted)
    if len(runs) == 1:
        middle = len(read.wanted) // 2
        runs = [list(read.wanted[:middle]), list(read.wanted[middle:])] if middle else []
    return [_read(run, limits) for run in runs]


def _without(read: Read, limits: Limits, refused: Sequence[Span]) -> list[Read]:
    if not any(read.span.covers(span) for span in refused):
        return [read]
    return [part for half in split_read(read, limits) for part in _without(half, limits, refused)]


def _cheapest(spans: Sequence[Span], limits: Limits) -> list[Read]:
    """Dynamic programming over the spans in order: best[n] is the lowest price of reading the first n."""
    if not spans:
        return []
    best = [0.0] + [float("inf")] * len(spans)
    cut_before = [0] * (len(spans) + 1)
    for first in range(len(spans)):
        end = spans[first].start
        for last in range(first, len(spans)):
            if last > first and spans[last].start - end > limits.max_gap:
                break
            end = max(end, spans[last].end)
            read = limits.aligned(spans[first].table, spans[first].start, end)
            if last > first and read.count > limits.longest(read.table):
                break
            price = best[first] + limits.request_price + read.count
            if price < best[last + 1]:
                best[last + 1], cut_before[last + 1] = price, first
    cuts = [len(spans)]
    while cuts[-1]:
        cuts.append(cut_before[cuts[-1]])
    cuts.reverse()
    return [_read(spans[first:end], limits) for first, end in pairwise(cuts)]


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


def _read(spans: Sequence[Span], limits: Limits) -> Read:
    end = max(span.end for span in spans)
    return Read(limits.aligned(spans[0].table, spans[0].start, end), tuple(spans))

"""Reads: the cheapest set, never a cut value, never a register that the device refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import RequestError
from drivers.modbus.plan import Limits, Read, Span, plan_reads, read_span, split_read

Places = list[tuple[int, int]]
CASES: list[tuple[str, Places, Limits, Places]] = [
    ("neighbours join", [(0, 2), (2, 2)], Limits(), [(0, 4)]),
    ("a hole is not read unless the device allows it", [(0, 2), (8, 2)], Limits(), [(0, 2), (8, 2)]),
    ("an allowed hole is read through", [(0, 2), (8, 2)], Limits(max_gap=6), [(0, 10)]),
    (
        "an allowed hole that costs more than a request is not",
        [(0, 2), (60, 2)],
        Limits(max_gap=100),
        [(0, 2), (60, 2)],
    ),
    ("order of asking does not matter", [(40, 2), (0, 2)], Limits(), [(0, 2), (40, 2)]),
    ("no read is too long", [(0, 100), (100, 50)], Limits(), [(0, 100), (100, 50)]),
    ("a value is not cut at the limit", [(0, 2), (2, 2), (4, 2)], Limits(max_registers=5), [(0, 2), (2, 4)]),
    ("reads begin and end on the alignment", [(1, 1), (4, 1)], Limits(alignment=2, max_gap=9), [(0, 6)]),
    ("two values of one register are one read", [(7, 1), (7, 1)], Limits(), [(7, 1)]),
    ("overlapping needs are read together", [(2, 5), (3, 4), (4, 3)], Limits(), [(2, 5)]),
    (
        "the limit holds after aligning",
        [(1, 1), (2, 1), (3, 1)],
        Limits(alignment=2, max_registers=2),
        [(0, 2), (2, 2)],
    ),
]


@pytest.mark.parametrize(("wanted", "limits", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_plan(wanted: Places, limits: Limits, expected: Places) -> None:
    reads = plan_reads([Span("input", *place) for place in wanted], limits)
    assert [(read.span.start, read.span.count) for read in reads] == expected


def test_tables_are_never_mixed() -> None:
    reads = plan_reads([Span("input", 0), Span("holding", 1), Span("coil", 2)], Limits(max_gap=50))
    assert {str(read.span) for read in reads} == {"input 0", "holding 1", "coil 2"}


spans = st.builds(Span, st.sampled_from(["input", "holding"]), st.integers(0, 200), st.sampled_from([1, 2, 4]))
limits = st.builds(
    Limits,
    max_registers=st.sampled_from([8, 10, 50, 125]),
    max_gap=st.sampled_from([0, 3, 40]),
    alignment=st.sampled_from([1, 2, 4]),
    request_price=st.sampled_from([1.0, 20.0, 1e6]),
)


@given(st.lists(spans, max_size=30), limits)
def test_every_value_is_read_whole_within_the_limits(wanted: list[Span], limits: Limits) -> None:
    reads = plan_reads(wanted, limits)
    assert {span for read in reads for span in read.wanted} == set(wanted)
    for read in reads:
        assert all(read.span.covers(span) for span in read.wanted)
        assert read.span.count <= limits.max_registers
        assert read.span.start % limits.alignment == read.span.count % limits.alignment == 0


@given(st.lists(spans, max_size=20), st.lists(spans, max_size=4), limits)
def test_nothing_refused_is_asked_again(wanted: list[Span], refused: list[Span], limits: Limits) -> None:
    reads = plan_reads(wanted, limits, refused)
    assert not any(read.span.covers(bad) for read in reads for bad in refused)
    left_out = set(wanted) - {span for read in reads for span in read.wanted}
    for span in left_out:
        alone = limits.aligned(span.table, span.start, span.end)
        assert any(alone.covers(bad) for bad in refused)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=9, unique=True), limits)
def test_no_other_way_to_cut_the_row_is_cheaper(starts: list[int], limits: Limits) -> None:
    row = [Span("input", start) for start in sorted(starts)]

    def price(reads: list[Read]) -> float:
        return sum(limits.request_price + read.span.count for read in reads)

    def allowed(part: list[Span]) -> bool:
        whole = limits.aligned("input", part[0].start, part[-1].end)
        return whole.count <= limits.max_registers and all(
            after.start - before.end <= limits.max_gap for before, after in pairwise(part)
        )

    cheapest = float("inf")
    for cuts in range(1 << len(row) - 1):
        parts, part = [], [row[0]]
        for place, span in enumerate(row[1:]):
            if cuts >> place & 1:
                parts.append(part)
                part = []
            part.append(span)
        parts.append(part)
        if all(len(part) == 1 or allowed(part) for part in parts):
            ways = [limits.aligned("input", part[0].start, part[-1].end) for part in parts]
            cheapest = min(cheapest, sum(limits.request_price + way.count for way in ways))
    assert price(plan_reads(row, limits)) == pytest.approx(cheapest)


def test_a_refused_read_is_cut_at_its_holes_first_and_halved_then() -> None:
    limits = Limits(max_gap=10)
    [read] = plan_reads([Span("input", 0, 2), Span("input", 2, 2), Span("input", 8, 2)], limits)
    runs = split_read(read, limits)
    assert [str(run.span) for run in runs] == ["input 0+4", "input 8+2"]
    assert [str(half.span) for half in split_read(runs[0], limits)] == ["input 0+2", "input 2+2"]
    assert split_read(runs[1], limits) == []


NO_PLACES = ["", "input", "input x", "register 3", "input 65536", "input 65535+2", "input -1", "input 1_0", "input 007"]
NO_PLACES += ["input ٣", "Input 3", "input 0x10000", "input 1 2", "input 0+0", "input 1.5", "input 1 + 2"]


@pytest.mark.parametrize("text", NO_PLACES)
def test_a_place_that_is_none_is_refused_in_words(text: str) -> None:
    with pytest.raises(RequestError, match="wire address"):
        read_span(text)

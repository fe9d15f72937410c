"""Reads: the cheapest set, never a cut value, never a register that the device refused."""

from collections.abc import Iterator
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import RequestError
from drivers.modbus.plan import Limits, Span, plan_reads, read_span, split_read

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


def groupings(row: list[Span]) -> Iterator[list[list[Span]]]:
    """Every way to put the spans of a row into groups, whether they are neighbours or not."""
    if not row:
        yield []
        return
    for ways in groupings(row[1:]):
        yield [row[:1], *ways]
        for place, group in enumerate(ways):
            yield [*ways[:place], [row[0], *group], *ways[place + 1 :]]


def price(group: list[Span], limits: Limits, refused: list[Span]) -> float:
    """What one read of the group costs; infinity where the device does not allow it."""
    read_to = min(span.start for span in group)
    start, end = read_to, read_to
    for span in sorted(group):
        if span.start - read_to > limits.max_gap and span.start != start:
            return inf
        end = max(end, span.end)
        read_to = limits.aligned("input", start, end).end
    read = limits.aligned("input", start, end)
    if read.count > limits.max_registers or any(read.covers(span) for span in refused):
        return inf
    return limits.request_price + read.count


near = st.builds(Span, st.just("input"), st.integers(0, 30), st.sampled_from([1, 2, 4]))
"""Some overlap, as values do that share the register of an exponent."""


@settings(max_examples=200)
@given(st.sets(near, min_size=1, max_size=6), st.lists(near, max_size=3), limits)
def test_no_other_grouping_is_cheaper(row: set[Span], refused: list[Span], limits: Limits) -> None:
    readable = sorted(span for span in row if price([span], limits, refused) < inf)
    cheapest = min(sum(price(group, limits, refused) for group in ways) for ways in groupings(readable))
    reads = plan_reads(readable, limits, refused)
    assert sum(limits.request_price + read.span.count for read in reads) == pytest.approx(cheapest)
    assert all(read.wanted for read in reads)


def test_a_refused_read_is_cut_at_its_widest_hole_first_and_halved_in_the_end() -> None:
    limits = Limits(max_gap=10)
    [read] = plan_reads([Span("input", 0, 2), Span("input", 2, 2), Span("input", 8, 2), Span("input", 11)], limits)
    front, back = split_read(read, limits)
    assert [str(front.span), str(back.span)] == ["input 0+4", "input 8+4"]
    assert [str(half.span) for half in split_read(front, limits)] == ["input 0+2", "input 2+2"]
    assert [str(part.span) for part in split_read(back, limits)] == ["input 8+2", "input 11"]
    assert split_read(split_read(front, limits)[0], limits) == []


def test_after_a_refusal_the_rest_is_still_read_in_as_few_requests_as_can_be() -> None:
    row = [Span("input", place) for place in range(40)]
    reads = plan_reads(row, Limits(), [Span("input", 0, 40), Span("input", 20, 20), Span("input", 20)])
    assert [str(read.span) for read in reads] == ["input 0+20", "input 21+19"]


NO_PLACES = ["", "input", "input x", "register 3", "input 65536", "input 65535+2", "input -1", "input 1_0", "input 007"]
NO_PLACES += ["input ٣", "Input 3", "input 0x10000", "input 1 2", "input 0+0", "input 1.5", "input 1 + 2"]


@pytest.mark.parametrize("text", NO_PLACES)
def test_a_place_that_is_none_is_refused_in_words(text: str) -> None:
    with pytest.raises(RequestError, match="wire address"):
        read_span(text)

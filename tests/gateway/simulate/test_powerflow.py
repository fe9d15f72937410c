"""The power flow against hand calculation, Kirchhoff and the balance of energy."""

import cmath
import random
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.simulate.powerflow import (
    LEAK,
    PHASES,
    A,
    B,
    Branch,
    C,
    Flow,
    Grid,
    Loads,
    N,
    Switching,
    Transformer,
    solve,
)

VOLTS = 230.0
STIFF = Transformer(impedance=1e-6 + 0j, source=1e-6 + 0j, magnetising=0j)
REAL = Transformer(impedance=0.0074 + 0.0245j, source=0.0005 + 0.0015j)
NOTHING = (0j, 0j, 0j)


def magnitudes(flow: Flow, bus: int) -> list[float]:
    return [abs(flow.phase_voltage(bus, phase)) for phase in PHASES]


def test_a_single_load_divides_the_voltage_with_its_cable_there_and_back() -> None:
    grid = Grid(STIFF, (Branch(0, phase=0.2 + 0j, neutral=0.3 + 0j),))
    flow = solve(grid, [NOTHING, (0.1 + 0j, 0j, 0j)], VOLTS)
    amperes = VOLTS / (10 + 0.2 + 0.3)
    assert abs(flow.phase_voltage(1, A)) == pytest.approx(10 * amperes, rel=1e-5)
    assert abs(flow.currents[1][A]) == pytest.approx(amperes, rel=1e-5)
    assert abs(flow.currents[1][N]) == pytest.approx(amperes, rel=1e-5)
    assert abs(flow.phase_voltage(1, B)) > VOLTS  # the neutral has moved towards A


def test_a_balanced_load_leaves_the_neutral_without_current() -> None:
    grid = Grid(REAL, (Branch(0, 0.1 + 0.05j, 0.1 + 0.05j),))
    flow = solve(grid, [NOTHING, (0.05 - 0.01j,) * 3], VOLTS)
    assert abs(flow.currents[1][N]) < 0.01
    assert max(magnitudes(flow, 1)) - min(magnitudes(flow, 1)) < 0.01


def test_with_an_open_neutral_the_star_point_is_where_millman_puts_it() -> None:
    loads = (0.10 + 0j, 0.02 + 0j, 0.05 - 0.01j)
    grid = Grid(STIFF, (Branch(0, 1e-6 + 0j, 1e-6 + 0j),))
    flow = solve(grid, [NOTHING, loads], VOLTS, Switching(frozenset({(1, N)})))
    sources = [flow.voltages[0][phase] for phase in PHASES]
    millman = sum(y * e for y, e in zip(loads, sources, strict=True)) / sum(loads)
    assert abs(flow.voltages[1][N] - millman) < 0.01
    assert abs(flow.voltages[1][N]) > 40


def test_an_open_medium_voltage_phase_puts_two_windings_in_series() -> None:
    flow = solve(Grid(REAL, ()), [(0.02 + 0j,) * 3], VOLTS, Switching(source=frozenset({A})))
    half_a, whole, half_c = magnitudes(flow, 0)
    assert whole == pytest.approx(VOLTS, rel=0.01)
    assert half_a == pytest.approx(VOLTS / 2, rel=0.02)
    assert half_a + half_c == pytest.approx(whole, rel=0.01)


def test_unequal_loads_share_the_half_voltages_unequally() -> None:
    loads = (0.30 + 0j, 0.02 + 0j, 0.10 + 0j)
    half_a, whole, half_c = magnitudes(solve(Grid(REAL, ()), [loads], VOLTS, Switching(source=frozenset({A}))), 0)
    assert half_a < 0.4 * whole < 0.6 * whole < half_c
    assert half_a + half_c == pytest.approx(whole, rel=0.02)


def test_windings_turn_the_phases_by_thirty_degrees() -> None:
    flow = solve(Grid(REAL, ()), [NOTHING], VOLTS)
    assert cmath.phase(flow.voltages[0][A]) == pytest.approx(cmath.pi / 6, abs=0.01)
    assert abs(flow.voltages[0][A] - flow.voltages[0][B]) == pytest.approx(VOLTS * sqrt(3), rel=0.01)


def test_behind_open_conductors_nothing_is_left() -> None:
    grid = Grid(REAL, (Branch(0, 0.1 + 0j, 0.1 + 0j), Branch(1, 0.1 + 0j, 0.1 + 0j)))
    loads = [NOTHING, (0.01 + 0j,) * 3, (0.01 + 0j,) * 3]
    flow = solve(grid, loads, VOLTS, Switching(frozenset({(2, A), (2, B), (2, C), (2, N)})))
    assert max(magnitudes(flow, 2)) < 1e-3
    assert min(magnitudes(flow, 1)) > 0.9 * VOLTS


@st.composite
def networks(draw: st.DrawFn) -> tuple[Grid, Loads, Switching]:
    rng = random.Random(draw(st.integers(0, 10**9)))
    size = rng.randrange(1, 25)
    branches = tuple(
        Branch(rng.randrange(bus), complex(rng.uniform(1e-3, 0.3), 0.02), complex(rng.uniform(1e-3, 0.3), 0.02))
        for bus in range(1, size + 1)
    )
    loads = [
        (NOTHING if rng.random() < 0.3 else tuple(complex(rng.choice((0, rng.uniform(0, 0.1))), 0) for _ in PHASES))
        for _ in range(size + 1)
    ]
    cuts = {(rng.randrange(1, size + 1), rng.randrange(4)) for _ in range(rng.randrange(4))}
    source = frozenset(rng.sample(PHASES, rng.choice((0, 0, 0, 1, 3))))
    return Grid(REAL, branches), [(a, b, c) for a, b, c in loads], Switching(frozenset(cuts), source)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_currents_meet_kirchhoff_at_every_bus_whatever_is_open(case: tuple[Grid, Loads, Switching]) -> None:
    grid, loads, switching = case
    flow = solve(grid, loads, VOLTS, switching)
    for bus in range(1, len(loads)):
        drawn = [loads[bus][phase] * flow.phase_voltage(bus, phase) for phase in PHASES]
        drawn.append(-sum(drawn, 0j))
        for conductor in range(4):
            onward = sum(
                flow.currents[child][conductor]
                for child, branch in enumerate(grid.branches, start=1)
                if branch.parent == bus
            )
            leaking = LEAK * flow.voltages[bus][conductor]
            assert abs(flow.currents[bus][conductor] - onward - drawn[conductor] - leaking) < 1e-6


@settings(max_examples=60, deadline=None)
@given(networks())
def test_what_the_source_gives_is_what_loads_and_losses_take(case: tuple[Grid, Loads, Switching]) -> None:
    grid, loads, switching = case
    flow = solve(grid, loads, VOLTS, switching)
    used = sum(
        abs(flow.phase_voltage(bus, phase)) ** 2 * loads[bus][phase].real
        for bus in range(len(loads))
        for phase in PHASES
    )
    lost = sum(
        abs(amperes) ** 2 * (branch.neutral if conductor == N else branch.phase).real
        for branch, currents in zip(grid.branches, flow.currents[1:], strict=True)
        for conductor, amperes in enumerate(currents)
    )
    leaked = sum(abs(volt) ** 2 * LEAK for volts in flow.voltages[1:] for volt in volts)
    windings = sum(abs(flow.currents[0][phase]) ** 2 * REAL.impedance.real for phase in PHASES)
    feeding = sum(abs(amperes) ** 2 * REAL.source.real for amperes in flow.source)
    terminals = [emf - amperes * REAL.source for emf, amperes in zip(flow.emf, flow.source, strict=True)]
    iron = sum(abs(terminals[p] - terminals[(p + 1) % 3]) ** 2 / 3 * REAL.magnetising.real for p in PHASES)
    if not switching.source:  # an open terminal floats, so the iron's share is not known from the source alone
        assert flow.supplied.real == pytest.approx(used + lost + leaked + windings + feeding + iron, rel=1e-4, abs=0.1)
    assert flow.supplied.real >= used + lost + windings + feeding - 0.1

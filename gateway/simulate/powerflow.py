"""Four-wire power flow of a radial low-voltage network behind a delta-star transformer: admittances in, phasors out.

A backward and forward sweep over the tree, with admittances in place of currents: going up, everything behind a
branch becomes one 4x4 admittance; going down, every bus gets its voltages. For given loads this is exact, needs no
iteration, and an open conductor is simply a branch without admittance, so a floating neutral or a dead island is as
easy as a healthy network. The star point of the transformer is the reference; earth is no return path.
"""

import cmath
from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt

A, B, C, N = 0, 1, 2, 3
PHASES = (A, B, C)
CONDUCTORS = (A, B, C, N)
LEAK = 1e-7
"""Siemens from every conductor of every bus to earth: what keeps an island's voltage defined. 2 mA at 220 V for 100."""

Vector = list[complex]
Matrix = list[list[complex]]
Phasors = tuple[complex, complex, complex, complex]


@dataclass(frozen=True, slots=True)
class Branch:
    """The conductors that feed one bus from another; the first bus, fed by the transformer, has none."""

    parent: int  # index of the feeding bus; always smaller than the own index
    phase: complex  # ohm of one phase conductor
    neutral: complex  # ohm of the neutral conductor


@dataclass(frozen=True, slots=True)
class Transformer:
    """Three single-phase windings between two phases on the medium-voltage side and phase and star point here (Dyn11).

    Medium voltage is counted in volts of this side, so the ratio is one.
    """

    impedance: complex  # ohm of one winding, on this side
    source: complex  # ohm of the medium-voltage network, on this side
    magnetising: complex = 2e-3 - 8e-3j  # siemens of one winding


@dataclass(frozen=True, slots=True)
class Grid:
    """What does not change while the network runs. Bus 0 is the transformer's low-voltage side."""

    transformer: Transformer
    branches: tuple[Branch, ...]  # branch i feeds bus i + 1


@dataclass(frozen=True, slots=True)
class Switching:
    """What is open, by conductor."""

    branches: frozenset[tuple[int, int]] = frozenset()  # (bus, conductor): the conductor that feeds the bus
    source: frozenset[int] = frozenset()  # medium-voltage phases


@dataclass(frozen=True, slots=True)
class Flow:
    """The solution."""

    voltages: tuple[Phasors, ...]  # by bus: A, B, C, N against the star point, V
    currents: tuple[Phasors, ...]  # by bus: what flows into it through its branch; bus 0: out of the transformer, A
    source: tuple[complex, complex, complex]  # A drawn from the medium-voltage phases
    emf: tuple[complex, complex, complex]  # V behind them

    def phase_voltage(self, bus: int, phase: int) -> complex:
        """V between a phase and the neutral of the same bus."""
        return self.voltages[bus][phase] - self.voltages[bus][N]

    @property
    def supplied(self) -> complex:
        """VA that the medium-voltage network gives."""
        return sum((e * i.conjugate() for e, i in zip(self.emf, self.source, strict=True)), 0j)


Loads = Sequence[tuple[complex, complex, complex]]
"""By bus: siemens between each phase and the neutral."""

CLOSED = Switching()


def solve(grid: Grid, loads: Loads, volts: float, switching: Switching = CLOSED) -> Flow:
    """Voltages and currents everywhere. `volts`: the healthy phase voltage of the unloaded transformer."""
    shunts = [_shunt(load) for load in loads]
    gains: list[Matrix] = [[] for _ in shunts]
    series = [_series(branch, bus, switching) for bus, branch in enumerate(grid.branches, start=1)]
    for bus in range(len(grid.branches), 0, -1):
        gains[bus], seen = _behind(shunts[bus], series[bus - 1])
        _add(shunts[grid.branches[bus - 1].parent], seen)
    emf, mv, busbar = _transformer(grid.transformer, shunts[0], volts, switching.source)
    voltages: list[Phasors] = [(busbar[A], busbar[B], busbar[C], 0j)]
    currents: list[Phasors] = [_times(shunts[0], voltages[0])]
    for bus, branch in enumerate(grid.branches, start=1):
        above = voltages[branch.parent]
        here = _times(gains[bus], above)
        ya, yb, yc, yn = series[bus - 1]
        voltages.append(here)
        currents.append(
            (ya * (above[A] - here[A]), yb * (above[B] - here[B]), yc * (above[C] - here[C]), yn * (above[N] - here[N]))
        )
    return Flow(tuple(voltages), tuple(currents), (mv[A], mv[B], mv[C]), (emf[A], emf[B], emf[C]))


def _shunt(load: tuple[complex, complex, complex]) -> Matrix:
    """Loads between phases and neutral as a nodal admittance matrix."""
    a, b, c = load
    return [
        [a + LEAK, 0j, 0j, -a],
        [0j, b + LEAK, 0j, -b],
        [0j, 0j, c + LEAK, -c],
        [-a, -b, -c, a + b + c + LEAK],
    ]


def _series(branch: Branch, bus: int, switching: Switching) -> Phasors:
    phase, neutral = 1 / branch.phase, 1 / branch.neutral
    is_open = switching.branches
    return (
        0j if (bus, A) in is_open else phase,
        0j if (bus, B) in is_open else phase,
        0j if (bus, C) in is_open else phase,
        0j if (bus, N) in is_open else neutral,
    )


def _behind(shunt: Matrix, series: Phasors) -> tuple[Matrix, Matrix]:
    """What a bus makes of the voltages above it, and the admittance that it and its branch are, seen from there."""
    whole = [row[:] for row in shunt]
    for conductor in CONDUCTORS:
        whole[conductor][conductor] += series[conductor]
    gain = [[entry * series[column] for column, entry in enumerate(row)] for row in _inverse(whole)]
    g0, g1, g2, g3 = gain
    columns = list(zip(*shunt, strict=True))
    seen = [
        [g0[i] * s[0] + g1[i] * s[1] + g2[i] * s[2] + g3[i] * s[3] for s in columns]  # transposed gain times shunt
        for i in CONDUCTORS
    ]
    return gain, seen


def _transformer(
    transformer: Transformer, load: Matrix, volts: float, is_open: frozenset[int]
) -> tuple[Vector, Vector, Vector]:
    """Source voltages, currents drawn from the source, and voltages of the low-voltage busbar.

    Six nodes: medium-voltage terminals A B C, busbar a b c. Low-voltage phase a is wound with A-B, b with B-C,
    c with C-A; the currents of a winding balance. An open fuse leaves its terminal to what the windings make of it.
    """
    emf = [cmath.rect(volts, -2 * pi * phase / 3) for phase in PHASES]
    feed = [LEAK + 0j if phase in is_open else 1 / transformer.source for phase in PHASES]
    matrix: Matrix = [[0j] * 6 for _ in range(6)]
    for phase in PHASES:
        matrix[phase][phase] += feed[phase]
        for other in PHASES:
            matrix[3 + phase][3 + other] += load[phase][other]
        _winding(matrix, phase, 1 / transformer.impedance, transformer.magnetising)
    driven = [feed[phase] * emf[phase] if phase not in is_open else 0j for phase in PHASES]
    nodes = _gauss(matrix, [*driven, 0j, 0j, 0j])
    drawn = [feed[phase] * (emf[phase] - nodes[phase]) if phase not in is_open else 0j for phase in PHASES]
    return emf, drawn, nodes[3:]


def _winding(matrix: Matrix, phase: int, leakage: complex, magnetising: complex) -> None:
    """Add one pair of windings: branch equation i = leakage * ((V_P - V_Q)/sqrt3 - V_p), as a 3x3 stamp."""
    stamp = ((phase, 1 / sqrt(3)), ((phase + 1) % 3, -1 / sqrt(3)), (3 + phase, -1.0))
    for row, left in stamp:
        for column, right in stamp:
            matrix[row][column] += leakage * left * right
            if row < 3 and column < 3:
                matrix[row][column] += magnetising * left * right


def _add(into: Matrix, other: Matrix) -> None:
    for row, more in zip(into, other, strict=True):
        row[0] += more[0]
        row[1] += more[1]
        row[2] += more[2]
        row[3] += more[3]


def _times(matrix: Matrix, vector: Phasors) -> Phasors:
    a, b, c, n = vector
    r0, r1, r2, r3 = matrix
    return (
        r0[0] * a + r0[1] * b + r0[2] * c + r0[3] * n,
        r1[0] * a + r1[1] * b + r1[2] * c + r1[3] * n,
        r2[0] * a + r2[1] * b + r2[2] * c + r2[3] * n,
        r3[0] * a + r3[1] * b + r3[2] * c + r3[3] * n,
    )


def _inverse(matrix: Matrix) -> Matrix:
    """Gauss-Jordan in place. No pivoting: a passive network's diagonal carries it."""
    size = len(matrix)
    for pivot in range(size):
        row = matrix[pivot]
        factor = 1 / row[pivot]
        row[pivot] = 1 + 0j
        row[:] = [entry * factor for entry in row]
        for other in matrix:
            if other is not row and (weight := other[pivot]):
                other[pivot] = 0j
                other[:] = [entry - weight * above for entry, above in zip(other, row, strict=True)]
    return matrix


def _gauss(matrix: Matrix, right: Vector) -> Vector:
    """Solve a small system, with row pivoting."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for pivot in range(size):
        best = max(range(pivot, size), key=lambda index: abs(rows[index][pivot]))
        rows[pivot], rows[best] = rows[best], rows[pivot]
        for index in range(pivot + 1, size):
            if weight := rows[index][pivot] / rows[pivot][pivot]:
                rows[index] = [entry - weight * above for entry, above in zip(rows[index], rows[pivot], strict=True)]
    solution = [0j] * size
    for index in range(size - 1, -1, -1):
        known = sum((rows[index][column] * solution[column] for column in range(index + 1, size)), 0j)
        solution[index] = (rows[index][size] - known) / rows[index][index]
    return solution

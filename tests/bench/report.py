"""How a benchmark says a figure: a line of a table for people, or a JSON line for programs (JSON=1)."""

import json
import os
import sys

_COLUMNS = f"{'bench':<14} {'figure':<44} {'value':>12} {'unit':<14} {'reference':>12} {'ratio':>8}"
_headed = False


def row(
    bench: str, figure: str, value: float, unit: str, reference: float | None = None, ratio: float | None = None
) -> None:
    """Print one figure. `ratio` is how many times better than `reference`; worked out when only that is given."""
    if ratio is None and reference:
        ratio = value / reference
    if os.environ.get("JSON") == "1":
        figures = {"bench": bench, "figure": figure, "value": value, "unit": unit}
        print(json.dumps({**figures, "reference": reference, "ratio": ratio}), flush=True)
        return
    _head()
    beside = f"{reference:>12.4g} {'' if ratio is None else f'{ratio:.2f} x':>8}" if reference is not None else ""
    print(f"{bench:<14} {figure:<44} {value:>12.5g} {unit:<14} {beside}".rstrip(), flush=True)


def _head() -> None:
    global _headed
    if not _headed:
        print(_COLUMNS)
        print("-" * len(_COLUMNS))
        _headed = True
        sys.stdout.flush()

"""A frame in one sentence that a fitter understands, from the facts that were found in it."""

from collections.abc import Mapping, Sequence

from drivers.dlt645.explain_service import Facts
from drivers.dlt645.frame import EVERYONE, Frame


def sentence(frame: Frame, facts: Facts) -> str:
    """Who says what to whom."""
    whom = {EVERYONE: "everyone", "A" * 12: "any meter"}.get(frame.address, f"meter {frame.address}")
    what = f"{facts['function']}{_subject(facts)}"
    if not frame.from_slave:
        return f"to {whom}: {what}{_given(facts)}"
    if frame.refused:
        return f"{whom} refuses {what}: {', '.join(_texts(facts['error'])) or 'no reason given'}"
    return f"{whom} answers {what}{_given(facts)}" + (", more frames follow" if frame.more else "")


def _subject(facts: Facts) -> str:
    if "identifier" not in facts:
        return ""
    return f" {facts['identifier']}" + (f" ({facts['title']})" if "title" in facts else "")


def _given(facts: Facts) -> str:
    """The values of a frame for the sentence."""
    if rows := _rows(facts.get("items")):
        shown = [f"{row['name']} {_shown(row['value'], row['unit'])}" for row in rows]
        return f" = {', '.join(shown)}"
    if records := _rows(facts.get("records")):
        return f" = {'; '.join(', '.join(f'{name} {_shown(value)}' for name, value in one.items()) for one in records)}"
    if "values" in facts:
        shown = [_shown(value, str(facts.get("unit") or "")) for value in _texts(facts["values"])]
        bits = f" ({', '.join(_texts(facts['bits']))})" if facts.get("bits") else ""
        return f" = {', '.join(shown)}{bits}"
    keys = ("meter_address", "time", "freeze", "baud", "command", "output", "clears", "blocks", "raw")
    said = [str(facts[key]) for key in keys if facts.get(key) not in (None, "", [])]
    return f": {', '.join(said)}" if said else ""


def _shown(value: object, unit: str = "") -> str:
    return "no value" if value is None else f"{value} {unit}".rstrip()


def _rows(value: object) -> Sequence[Mapping[str, str]]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> Sequence[str]:
    return value if isinstance(value, list) else []

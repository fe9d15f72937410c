"""Values that a format can hold, drawn at random."""

from decimal import Decimal
from random import Random

from drivers.api import Value
from drivers.dlt645.moment import Moment
from drivers.dlt645.value import Binary, Bit, Digits, Format, Number, Text


def sample(how: Format, chance: Random) -> Value:
    """One value for this format, never 'no value'."""
    match how:
        case Number():
            top = int(how.largest.scaleb(how.decimals))
            return Decimal(chance.randint(-top if how.signed else 0, top)).scaleb(-how.decimals)
        case Digits():
            return "".join(chance.choice("0123456789") for _ in range(how.size * 2))
        case Moment():
            parts = {"YY": "2026", "MM": "11", "DD": "22", "hh": "09", "mm": "15", "ss": "30"}
            given = [part for part in parts if part in how.parts]
            day = "-".join(parts[part] for part in given if part in ("YY", "MM", "DD"))
            time = ":".join(parts[part] for part in given if part in ("hh", "mm", "ss"))
            return "T".join(filter(None, (day, time)))
        case Text():
            return "".join(chance.choice("ABC019-.") for _ in range(how.size or 10))
        case Bit():
            return chance.randint(0, 1)
        case Binary():
            return chance.randint(0, 255)
        case _:
            return chance.randbytes(how.size or 5).hex(" ").upper()

"""DL/T 645 as a driver: checks profiles and addresses, starts polls, explains frames."""

import re
from collections.abc import Iterator, Sequence

from drivers.api import Conversation, Explanation, Point, Profile
from drivers.dlt645.explain import explain
from drivers.dlt645.frame import EVERYONE
from drivers.dlt645.manner import ANY_EDITION, EDITIONS, OTHER_WAY, Manner, old_point, points_of
from drivers.dlt645.plan import plan
from drivers.dlt645.poll import Poll
from drivers.dlt645.price import exchanges
from drivers.dlt645.value import Number, parse_format
from drivers.errors import RequestError
from drivers.price import Exchange

_OPTIONS = {"preamble", "edition"}
_POINT_OPTIONS = {"parts", OTHER_WAY}


class Dlt645:
    """Implements `drivers.api.Driver` for both editions; a profile says `edition = "1997"` when it means the old one.

    With `edition = "auto"` it is found out, and points say in `edition_1997` where the old one has them. Other
    options of a profile: `preamble`, the number of FE bytes before a request, none by default; a meter that answers
    with one only is found out too. Of a point: `parts`, the identifiers that together hold the same bytes where a
    meter refuses `where`.
    """

    late_answers_are_harmless = False
    """An error answer does not say what it refuses, so a late one could be taken for the next."""

    def check(self, profile: Profile) -> Sequence[str]:
        return list(_profile_faults(profile))

    def check_address(self, address: str) -> str:
        digits = address.strip()
        if re.fullmatch(r"[\d.]+[eE]\+?\d+", digits):
            return f"{address!r} is a spreadsheet's way with long numbers; format the column as text and enter it again"
        if not re.fullmatch(r"[Aa]*\d*", digits) or not digits:
            return f"{address!r} is no meter address; write the twelve digits printed on the meter"
        if len(digits) < 12:
            return (
                f"{address!r} has {len(digits)} of twelve digits; if a spreadsheet dropped the zeros in front, "
                f"write {digits.zfill(12)!r} and format the column as text"
            )
        if len(digits) > 12:
            return f"{address!r} has {len(digits)} digits, a meter address has twelve"
        if digits == EVERYONE:
            return f"{address!r} is the broadcast address; no meter answers it"
        return "" if digits == address else f"{address!r} has blanks around it; write {digits!r}"

    def converse(
        self, profile: Profile, address: str, points: Sequence[str], refused: frozenset[str] = frozenset()
    ) -> Conversation:
        if fault := self.check_address(address):
            raise RequestError(fault)
        unknown = [name for name in points if name not in profile.points]
        if unknown:
            raise RequestError(f"profile {profile.name} has no point {', '.join(unknown)}")
        edition = str(profile.options.get("edition", "2007"))
        manner = Manner(edition, int(str(profile.options.get("preamble", 0))), refused)
        possible = [manner.edition] if manner.settled else list(EDITIONS)
        plans = {}
        for one in possible:
            known = points_of(profile, one)
            plans[one] = plan((known[name] for name in points if name in known), refused)
        return Poll(address, plans, manner)

    def exchanges(self, profile: Profile, points: Sequence[str]) -> Sequence[Exchange]:
        """What a poll of these points costs on the wire."""
        return exchanges(profile, points)

    def explain(self, data: bytes) -> Sequence[Explanation]:
        return explain(data)


def _profile_faults(profile: Profile) -> Iterator[str]:
    for key in sorted(profile.options.keys() - _OPTIONS):
        yield f"{key}: no option of DL/T 645; known are {', '.join(sorted(_OPTIONS))}"
    preamble = profile.options.get("preamble", 0)
    if not isinstance(preamble, int) or not 0 <= preamble <= 16:
        yield f"preamble: {preamble!r} is no number of FE bytes from 0 to 16"
    edition = profile.options.get("edition", "2007")
    if edition not in (*EDITIONS, ANY_EDITION):
        yield f'edition: {edition!r} is none of "2007", "1997" and "auto"'
        return
    for point in profile.points.values():
        yield from (f"{point.name}: {fault}" for fault in _point_faults(point, str(edition)))
        if edition == ANY_EDITION and (old := old_point(point)):
            yield from (f"{point.name}: {OTHER_WAY}: {fault}" for fault in _point_faults(old, "1997"))
        elif OTHER_WAY in point.options:
            yield f'{point.name}: {OTHER_WAY}: wants a table with where and format, and edition = "auto" above'


def _point_faults(point: Point, edition: str) -> Iterator[str]:
    digits = EDITIONS["2007" if edition == ANY_EDITION else edition]
    parts = point.options.get("parts", [])
    if not isinstance(parts, list):
        yield f"parts: {parts!r} is no list of identifiers"
        parts = []
    for identifier in (point.where, *map(str, parts)):
        if not re.fullmatch(f"[0-9A-Fa-f]{{{digits}}}", identifier):
            yield f"{identifier!r} is no identifier of {digits} hex digits, which edition {edition} has"
    for key in sorted(point.options.keys() - _POINT_OPTIONS):
        yield f"{key}: no option of a DL/T 645 point; known is {', '.join(sorted(_POINT_OPTIONS))}"
    try:
        form = parse_format(point.format, point.signed)
    except RequestError as error:
        yield str(error)
        return
    if not isinstance(form, Number) and (point.scale != 1 or point.offset != 0):
        yield f"format {point.format!r} is no number: scale and offset mean nothing"

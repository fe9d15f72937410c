"""How one meter wants to be spoken to, found out by asking: its edition, and whether a preamble has to wake it.

What was found out is a set of words that the gateway keeps for a day and hands in again; they mean nothing to it.
"""

from collections.abc import Collection, Mapping

from drivers.api import Point, Profile

EDITIONS = {"2007": 8, "1997": 4}  # the newer one is asked first; and the digits of their identifiers
ANY_EDITION = "auto"
OTHER_WAY = "edition_1997"  # a point's key: where and how the old edition has it
WAKE_BYTES = 4  # what the standard recommends in front of a request

_NEEDED, _HELPED, _NEXT = "a preamble is needed", "a preamble helped", "a preamble is next"
_SPEAKS = {edition: f"speaks edition {edition}" for edition in EDITIONS}
_TRY = {edition: f"edition {edition} is next" for edition in EDITIONS}


class Manner:
    """What is said next: `edition`, and a `preamble` of so many bytes. Silence changes it, an answer settles it.

    One answer to a preamble after silence without may be chance, as when the line lost a frame: only when it helped
    in two conversations, with none without between them, is it sent at once.
    """

    def __init__(self, edition: str, preamble: int, learned: Collection[str] = ()) -> None:
        self._usual = preamble
        self._open = edition == ANY_EDITION
        known = next((one for one, word in _SPEAKS.items() if word in learned), None)
        tried = next((one for one, word in _TRY.items() if word in learned), "2007")
        self._settled = not self._open or known is not None
        self.edition = (known or tried) if self._open else edition
        self._helped = 2 if _NEEDED in learned else int(_HELPED in learned)  # in so many conversations
        self._bare = _NEXT in learned  # the last silence was one to a request without a preamble
        self._heard = False
        wakes = self._bare or self._helped == 2 or not self._settled
        self.preamble = max(preamble, WAKE_BYTES) if wakes else preamble

    def unanswered(self) -> None:
        """Silence, or what was no answer: the next request is made in another way."""
        if not self._settled:
            self.edition = next(one for one in EDITIONS if one != self.edition)
            return
        self._bare = not self._heard and self.preamble == self._usual
        self.preamble = max(self.preamble, WAKE_BYTES)

    def answered(self) -> None:
        """The meter understands what is said in this way."""
        if self._heard:
            return
        self._heard = True
        if self.preamble == self._usual:
            self._helped = 0
        elif self._bare and self._settled:
            self._helped = min(2, self._helped + 1)
        self._settled = True

    @property
    def settled(self) -> bool:
        """Whether it is known which edition the meter speaks."""
        return self._settled

    @property
    def learned(self) -> frozenset[str]:
        """All that is known about the meter now."""
        words = {_SPEAKS[self.edition] if self._settled else _TRY[self.edition]} if self._open else set()
        if self._helped:
            words.add(_NEEDED if self._helped == 2 else _HELPED)
        if self._bare and not self._heard:
            words.add(_NEXT)
        return frozenset(words)


def edition_of(profile: Profile, learned: Collection[str]) -> str | None:
    """The edition that a meter speaks, by its profile or by what was learned; None: nobody knows yet."""
    edition = str(profile.options.get("edition", "2007"))
    return next((one for one, word in _SPEAKS.items() if word in learned), None) if edition == ANY_EDITION else edition


def points_of(profile: Profile, edition: str) -> Mapping[str, Point]:
    """The points as an edition has them. A profile for both says for each point what the old one has, if anything."""
    if profile.options.get("edition") != ANY_EDITION or edition != "1997":
        return profile.points
    return {name: old for name, point in profile.points.items() if (old := old_point(point))}


def old_point(point: Point) -> Point | None:
    """The point as edition 1997 has it, by its key `edition_1997`; name and unit are the same."""
    row = point.options.get(OTHER_WAY)
    if not isinstance(row, Mapping):
        return None
    return Point(
        point.name,
        str(row.get("where", "")),
        str(row.get("format", point.format)),
        point.unit,
        point.scale,
        point.offset,
        bool(row.get("signed", False)),
        {key: value for key, value in row.items() if key not in _OLD_KEYS},
    )


_OLD_KEYS = {"where", "format", "signed"}

"""What a poll costs in bytes: frames and identifier by DL/T 645-2007, clause 5.2, data by the catalogue."""

from collections.abc import Sequence

from drivers.api import Profile
from drivers.dlt645.catalog import places
from drivers.dlt645.frame import OVERHEAD
from drivers.dlt645.plan import Ask, plan
from drivers.price import Exchange


def exchanges(profile: Profile, points: Sequence[str]) -> list[Exchange]:
    """Every exchange of a poll of these points, as a meter answers that refuses nothing."""
    asks = plan(profile.points[name] for name in points)
    return [_exchange(ask, identifier) for ask in asks for identifier in ask.identifiers]


def _exchange(ask: Ask, identifier: str) -> Exchange:
    """Both frames carry the identifier; a block answers with all that it usually holds, in the format of its first."""
    usual = [place.usual for one in ask.wanted for place in places(one.point.where) if place.block == identifier]
    frame = OVERHEAD + len(identifier) // 2
    data = ask.wanted[0].format.size * max(usual, default=1) // len(ask.identifiers)
    return Exchange(identifier, frame, frame + data, tuple(one.point.name for one in ask.wanted))

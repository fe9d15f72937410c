"""Silence for works: what begins below a node, at a device or of a kind is not told for a time, and then what is left.

Unlike a shelf, which quiets one incident that everybody knows, a silence is for what is expected to happen. Incidents
live on as ever; only the telling stops. An incident that was told before the silence is still told when it ends, so
that no alarm stands for ever. Pure: incidents in, those to be told out; state is plain data.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from rules.incident import Incident
from rules.topology import Tree

SILENCE = "silence/"
"""Silences are kept in the store under this and their id."""

UNTOLD = "silenced"
"""Where the ids are kept of incidents that nobody heard of, or not of their last change."""

REMEMBERED = 500
"""Ids of incidents that began and ended unheard: their correction comes later, and is not told either."""

OVER = ("cleared", "cancelled")


@dataclass(frozen=True, slots=True)
class Silence:
    """What is not told, and until when. Fields that are empty say nothing; the others must all fit."""

    id: str
    until: float  # epoch seconds
    by: str
    node: str = ""  # this node, and all below it; or a device
    kind: str = ""  # a type of incident
    reason: str = ""

    def covers(self, incident: Incident, tree: Tree) -> bool:
        """Whether it is about this incident. One of a line, which is no node, lies where all its devices do."""
        if self.kind and incident.type != self.kind:
            return False
        if not self.node or incident.node == self.node:
            return True
        places = (incident.node,) if incident.node in tree.nodes or incident.node in tree.devices else incident.devices
        known = [place for place in places if place in tree.nodes or place in tree.devices]
        return bool(known) and all(tree.is_within(place, self.node) for place in known)


class Silences:
    """All silences of a site, and what they keep back."""

    def __init__(self, tree: Tree, saved: Mapping[str, object] | None = None) -> None:
        saved = saved or {}
        self._tree = tree
        self._lasting: dict[str, Silence] = {
            key.removeprefix(SILENCE): Silence(**row)
            for key, row in saved.items()
            if key.startswith(SILENCE) and isinstance(row, dict)
        }
        kept = saved.get(UNTOLD)
        untold = kept if isinstance(kept, dict) else {}
        self._held: set[str] = set(untold.get("held", ()))  # began in silence: nobody knows of them
        self._stale: set[str] = set(untold.get("stale", ()))  # known, but not their last change
        self._past: dict[str, None] = dict.fromkeys(untold.get("past", ()))  # began and ended in silence
        self._items: dict[str, object | None] = {}

    def lasting(self) -> tuple[Silence, ...]:
        """All silences."""
        return tuple(self._lasting.values())

    @property
    def held(self) -> int:
        """How many incidents last that nobody heard of."""
        return len(self._held)

    def begin(self, silence: Silence) -> None:
        """From now on; one with the same id is replaced."""
        self._lasting[silence.id] = silence
        self._items[SILENCE + silence.id] = asdict(silence)

    def end(self, name: str) -> Silence | None:
        """Before its time; None when there is none of that name. What it kept back is told by the next `tick`."""
        gone = self._lasting.pop(name, None)
        if gone is not None:
            self._items[SILENCE + name] = None
        return gone

    def told(self, incidents: Iterable[Incident]) -> list[Incident]:
        """Of these changes, those that are to be told, as whoever hears them for the first time has to hear them."""
        return [said for one in incidents if (said := self._said(one)) is not None]

    def known(self, active: Iterable[Incident]) -> list[Incident]:
        """Of what lasts, that of which somebody has heard."""
        return [one for one in active if one.id not in self._held] if self._held else list(active)

    def tick(self, at: float, active: Callable[[], Iterable[Incident]]) -> list[Incident]:
        """Silences end by themselves; what they kept back and still lasts is to be told."""
        for name in [name for name, silence in self._lasting.items() if silence.until <= at]:
            self.end(name)
        if not self._held and not self._stale:
            return []
        free = [one for one in active() if one.id in self._held | self._stale and not self._covered(one)]
        return [self._freed(one, at) for one in free]

    def changes(self) -> Mapping[str, object | None]:
        """State items that changed since the last call; None: forget it."""
        items, self._items = self._items, {}
        return items

    def _said(self, incident: Incident) -> Incident | None:
        """A change as it is told; None: not at all."""
        name, over = incident.id, incident.state in OVER
        if name in self._past:
            return None
        if name in self._held and over:
            self._held.discard(name)
            self._past[name] = None
            while len(self._past) > REMEMBERED:
                del self._past[next(iter(self._past))]
            self._note()
            return None
        if over or not self._covered(incident):
            return self._freed(incident, incident.at)
        group = self._held if incident.reason == "first" or name in self._held else self._stale
        if name not in group:
            group.add(name)
            self._note()
        return None

    def _freed(self, incident: Incident, at: float) -> Incident:
        """An incident that no silence keeps back (any more)."""
        name = incident.id
        if name not in self._held and name not in self._stale:
            return incident
        first = name in self._held
        self._held.discard(name)
        self._stale.discard(name)
        self._note()
        if incident.state in OVER:
            return incident
        return replace(incident, reason="first" if first else "reminder", at=at)

    def _covered(self, incident: Incident) -> bool:
        return any(silence.covers(incident, self._tree) for silence in self._lasting.values())

    def _note(self) -> None:
        self._items[UNTOLD] = {"held": sorted(self._held), "stale": sorted(self._stale), "past": list(self._past)}

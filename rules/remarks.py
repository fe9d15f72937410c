"""Things that are said once, as incidents of their own, and not again until they are over."""

from collections.abc import Iterator, Mapping

from rules.area import Area
from rules.book import Claim
from rules.incident import Severity


class Remarker:
    """A rule that says a thing once: what it has remarked upon, by key, and what of it is new."""

    def __init__(self, area: Area) -> None:
        self._places = {*(device.id for device in area.devices), *(node.id for node in area.nodes)}
        self.said: dict[str, str] = {}  # the node or device that it is about, by key
        self.news: list[tuple[str, Claim | None]] = []

    def say(
        self,
        key: str,
        kind: str,
        node: str,
        at: float,
        says: str,
        figures: Mapping[str, float],
        *,
        severity: Severity = "info",
        cause: str = "",
        devices: tuple[str, ...] | None = None,
    ) -> None:
        """It holds since `at`, epoch seconds; without `devices` the node is the one device that it affects."""
        if key in self.said:
            return
        self.said[key] = node
        claim = Claim(
            type=kind,
            node=node,
            state="confirmed",
            severity=severity,
            started_at=at,
            started_after=at,
            devices=(node,) if devices is None else devices,
            cause=cause,
            evidence=(says,),
            figures=figures,
        )
        self.news.append((key, claim))

    def over(self, key: str) -> None:
        """It holds no longer."""
        if self.said.pop(key, None) is not None:
            self.news.append((key, None))

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """What is new, by key; None: it is over."""
        news, self.news = self.news, []
        yield from news

    def holds(self, key: str) -> bool:
        """Whether what was said under a key lasts."""
        return key in self.said

    def dump(self) -> object:
        """What lasts, as plain data."""
        return dict(sorted(self.said.items()))

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave, of places that are still there."""
        assert isinstance(kept, dict)
        self.said.update((key, node) for key, node in kept.items() if node in self._places)

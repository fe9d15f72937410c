"""Things that are said once, as incidents of their own, and not again until they are over."""

from collections.abc import Iterator, Mapping

from rules.book import Claim
from rules.incident import Severity


class Remarker:
    """A rule that says a thing once: what it has remarked upon, by key, and what of it is new."""

    def __init__(self) -> None:
        self.said: set[str] = set()
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
        self.said.add(key)
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
        if key in self.said:
            self.said.discard(key)
            self.news.append((key, None))

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """What is new, by key; None: it is over."""
        news, self.news = self.news, []
        yield from news

    def dump(self) -> object:
        """What lasts, as plain data."""
        return sorted(self.said)

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        self.said.update(kept)

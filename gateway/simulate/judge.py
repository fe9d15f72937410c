"""Compares what a scenario did with what the gateway said: found, misplaced, missed, invented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gateway.simulate.scenario import Episode, Scenario

GRACE_S = 12.0
"""A fault may still be named so long after it ended: it takes a gateway some polls to be sure."""

SYMPTOMS = frozenset({"comm_meter", "low_voltage", "over_voltage", "voltage_unbalance", "current_unbalance"})
"""True in themselves while something bigger is wrong: said first and explained later, they are no inventions."""

Judgement = Literal["found", "misplaced", "missed", "waiting"]


@dataclass(frozen=True, slots=True)
class Said:
    """One state of one incident, as it came from the broker."""

    second: float  # of the scenario, when it was heard
    id: str
    type: str
    state: str
    severity: str
    node: str
    places: frozenset[str]  # the node and all that no reading can tell from it
    phases: str
    customers: int
    explained: bool  # another incident accounts for it

    @classmethod
    def from_json(cls, second: float, incident: Mapping[str, Any]) -> "Said":
        """From the `data` of an event."""
        return cls(
            second=second,
            id=incident["id"],
            type=incident["type"],
            state=incident["state"],
            severity=incident["severity"],
            node=incident["node"],
            places=frozenset([incident["node"], *incident.get("equivalents", ())]),
            phases=incident.get("phases", ""),
            customers=len(incident.get("customers", ())),
            explained=incident["state"] == "explained" or incident.get("explained_by") is not None,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one fault."""

    episode: Episode
    judgement: Judgement
    said: Said | None = None  # what it was found as
    seconds: float | None = None  # from the fault to the word


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a scenario."""

    findings: tuple[Finding, ...]
    invented: tuple[Said, ...]  # confirmed, and no fault accounts for it

    @property
    def good(self) -> bool:
        """Whether every fault was found at its place and nothing was made up."""
        return not self.invented and all(finding.judgement == "found" for finding in self.findings)


def judge(scenario: Scenario, said: Sequence[Said], second: float) -> Result:
    """The verdict at a second of the scenario; faults that may yet be found are `waiting`."""
    spoken = [word for word in said if word.state == "confirmed" and not word.explained]
    findings = [_finding(episode, spoken, second) for episode in scenario.episodes if episode.expect.types]
    claimed = {word.id for episode in scenario.episodes for word in spoken if _about(episode, word)}
    explained = {word.id for word in said if word.explained and word.type in SYMPTOMS}
    strange = {
        word.id: word
        for word in spoken
        if word.id not in claimed and word.id not in explained and word.severity != "info"
    }
    return Result(tuple(findings), tuple(strange.values()))


def _finding(episode: Episode, spoken: Sequence[Said], second: float) -> Finding:
    right_kind = [word for word in spoken if word.type in episode.expect.types and _in_time(episode, word)]
    right = [word for word in right_kind if _at_its_place(episode, word)]
    if right:
        best = next((word for word in right if word.node == episode.fault.where), right[0])
        return Finding(episode, "found", best, right[0].second - episode.begin_s)
    if second < _last_moment(episode):
        return Finding(episode, "waiting")
    return Finding(episode, "misplaced", right_kind[0]) if right_kind else Finding(episode, "missed")


def _about(episode: Episode, word: Said) -> bool:
    """Whether an incident is this fault, named rightly."""
    return word.type in episode.expect.types and _in_time(episode, word) and _at_its_place(episode, word)


def _in_time(episode: Episode, word: Said) -> bool:
    return episode.begin_s <= word.second <= _last_moment(episode)


def _last_moment(episode: Episode) -> float:
    return float("inf") if episode.end_s is None else episode.end_s + GRACE_S


def _at_its_place(episode: Episode, word: Said) -> bool:
    right_phases = not episode.expect.phases or set(word.phases) == set(episode.expect.phases)
    return bool(word.places & set(episode.expect.nodes)) and right_phases

"""How a confirmed case ends: its devices answer again, all of them or so many that the rest is another fault."""

from collections.abc import Mapping

from rules.case import Case
from rules.doubt import Doubt
from rules.thresholds import Limits
from rules.weighing import Weighing
from rules.witness import ALIVE, DEAD, Witness


class Restoration:
    """Watches the devices of confirmed cases come back."""

    def __init__(
        self,
        witnesses: Mapping[str, Witness],
        limits: Limits,
        weighing: Weighing,
        doubt: Doubt,
        cases: Mapping[str, Case],
    ) -> None:
        self._witnesses = witnesses
        self._limits = limits["outage"]
        self._weighing = weighing
        self._doubt = doubt
        self._cases = cases

    def is_over(self, case: Case, now: float) -> bool:
        """Whether a case has ended, at its `back_at`. All its devices get their turn before it is decided."""
        devices = [self._witnesses[device] for device in case.devices]
        back = [w for w in devices if self._is_back(w, case)]
        if not back:
            case.back_at = 0.0
            return False
        if not case.back_at:
            case.back_at = min(w.alive_at for w in back)
            case.back_seen = now
        waited = now - case.back_seen > self._limits["restore_polls"] * self._doubt.cycle(case.devices)
        if not waited and len(back) < len(devices) and any(w.at < case.back_at for w in devices):
            return False
        still = [w for w in devices if w not in back]
        if len(back) >= self._limits["restore_share"] * len(devices) or not self._still_there(case, still):
            return True
        case.devices = [w.device.id for w in still]
        case.back_at = 0.0
        return False

    def _is_back(self, witness: Witness, case: Case) -> bool:
        if witness.is_silent or witness.is_garbled or witness.alive_at <= case.since:
            return False
        if not case.of_node:
            return not any(witness.state[place] == DEAD for place in witness.places)
        watched = [place for place in witness.places if place in case.places]
        return all(witness.state[place] == ALIVE for place in watched)

    def _still_there(self, case: Case, still: list[Witness]) -> bool:
        """Whether what is still dead says that the same node is still without supply."""
        if case.kind != "supply" or len(still) < 2:
            return False
        others = {d for c in self._cases.values() if c is not case for d in c.devices}
        return self._weighing.fails(case.node, others)

"""The gateway's own troubles: told once when they begin, once when they end, over a restart too."""

import json
from dataclasses import asdict, replace

import pytest

from gateway.clock import iso
from gateway.north.influx import InfluxReport
from gateway.selfcare import Selfcare
from gateway.store import Figures

WELL = Figures({}, 0, 0, 0.0, 0, {"event": 0, "live": 0, "backfill": 0}, 0, 0, "")
SHEDDING = replace(WELL, shed={"event": 0, "live": 5, "backfill": 0})
DATABASE = InfluxReport(True, "", 0, 0, 0, forbidden=False)
REFUSED = InfluxReport(False, "it answers 401", 0, 0, 0, forbidden=True)


@pytest.mark.parametrize(
    ("store", "influx", "kind"),
    [
        (SHEDDING, None, "store_full"),
        (replace(WELL, lost=3), None, "store_lost"),
        (replace(WELL, set_aside=1), None, "not_deliverable"),
        (replace(WELL, trouble="disk I/O error"), None, "store_refuses"),
        (WELL, REFUSED, "database_refuses"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_trouble_begins_and_ends(store: Figures, influx: InfluxReport | None, kind: str) -> None:
    care = Selfcare("gw1")
    assert care.step(0, WELL, DATABASE) == ([], {})
    [begun], items = care.step(10, store, influx)
    assert (begun.type, begun.state, begun.node) == (kind, "confirmed", "gw1")
    assert care.step(20, store, influx) == ([], {})
    assert care.active() == (begun,)
    others = {
        "device/M1": {"at": 1.0},
        "incident/relay/M1": asdict(begun),
        "own": {},
    }  # items of everybody are in one store
    saved = {**others, **json.loads(json.dumps(items))}
    for lives_on in (care, Selfcare("gw1", saved)):
        [ended], items = lives_on.step(2000, store if "store_l" in kind or "full" in kind else WELL, DATABASE)
        assert (ended.id, ended.state, ended.ended_at) == (begun.id, "cleared", 2000)
        assert items == {f"own/{kind}": None}
        assert lives_on.active() == ()


def test_a_log_that_cannot_be_written_is_a_trouble_as_long_as_it_lasts() -> None:
    care = Selfcare("gw1")
    [begun], _ = care.step(0, WELL, audit="the audit log is broken: audit-1.log:3")
    assert (begun.type, begun.cause) == (
        "control_off",
        "nobody can change a device: the audit log is broken: audit-1.log:3",
    )
    [ended], _ = care.step(1, WELL)
    assert ended.state == "cleared"


def test_a_crowd_of_requests_is_a_trouble_until_it_has_been_quiet_for_a_while() -> None:
    care = Selfcare("gw1")
    assert care.step(0, WELL, unheard=0) == ([], {})
    [begun], _ = care.step(1, WELL, unheard=7)
    assert (begun.type, begun.severity) == ("requests_unheard", "minor")
    assert care.step(500, WELL, unheard=9) == ([], {})
    assert care.step(700, WELL, unheard=9) == ([], {})
    [ended], _ = care.step(1200, WELL, unheard=9)
    assert ended.state == "cleared"


@pytest.mark.parametrize(("end", "severity"), [(2e9, "minor"), (1.7e9, "major")], ids=["ends soon", "has ended"])
def test_a_certificate_that_ends_is_told_until_it_is_renewed(end: float, severity: str) -> None:
    care = Selfcare("gw1")
    [begun], _ = care.step(1.8e9, WELL, certificates={"client": end})
    assert (begun.type, begun.severity) == ("certificate_expires", severity)
    assert begun.cause == f"the certificate of the client ends on {iso(end)[:10]}"
    [ended], _ = care.step(1.8e9 + 1, WELL)
    assert ended.state == "cleared"


def test_a_file_that_was_broken_at_the_start_is_told() -> None:
    [begun], _ = Selfcare("gw1").step(0, replace(WELL, broken=1))
    assert begun.type == "store_broken"


def test_what_was_lost_in_an_earlier_life_is_not_told_again() -> None:
    care = Selfcare("gw1")
    assert care.step(0, SHEDDING) == ([], {})


def test_a_clock_that_is_set_back_by_years_does_not_keep_a_loss_alive() -> None:
    care = Selfcare("gw1")
    care.step(0, WELL)
    [begun], _ = care.step(1e9, replace(WELL, lost=1))
    [ended], _ = care.step(5e8, replace(WELL, lost=1))
    assert (begun.type, ended.state) == ("store_lost", "cleared")

"""The dashboards ask for what the gateway writes: every name, and every query at a real database."""

import json
import re
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.app import Gateway
from gateway.backfill.history import History
from gateway.catalog import catalog
from gateway.clock import SystemClock, local
from gateway.days import measured, month_of, supply_figures, together
from gateway.north.lines import Lines
from gateway.pipeline import observed, told
from gateway.settings import load
from gateway.settings.models import Influx, Mqtt, Site
from gateway.settings.models import Store as StoreSettings
from gateway.store import Draft, Row, Stream
from rules.engine import Engine
from rules.observation import Observation
from rules.statistics import Load
from tests.gateway.north.site import incident
from tests.servers import Database

CONFIG = Path(__file__).parents[2] / "config"
DASHBOARDS: dict[str, Any] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((CONFIG / "dashboards").glob("*.json"))
}
NOW = 1_800_000_000.0
MINUTES = 20
DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Query:
    dashboard: str
    panel: str
    text: str
    span: str = "1d"  # over which a panel looks by itself; else what the reader has chosen


def queries() -> Iterator[Query]:
    for name, board in DASHBOARDS.items():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                yield Query(name, f"variable {variable['name']}", variable["query"])
        for note in board["annotations"]["list"]:
            yield Query(name, f"annotation {note['name']}", note["target"]["query"])
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield Query(name, f"{panel['title']} {target['refId']}", target["query"], panel.get("timeFrom", "1d"))


QUERIES = list(queries())
IDS = [f"{query.dashboard}: {query.panel}" for query in QUERIES]


@dataclass(slots=True)
class Measurement:
    tags: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def sample_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site of config/, with everything switched on."""
    store = StoreSettings(path=tmp_path_factory.mktemp("store") / "a.db")
    return replace(load(CONFIG / "gateway.toml"), store=store, mqtt=Mqtt(), influx=Influx(database="area"))


@pytest.fixture(scope="module")
def written(sample_site: Site) -> list[bytes]:
    """What the gateway writes in some minutes, as it writes it."""
    lines = Lines(sample_site)
    figures = dict(Gateway(sample_site, SystemClock()).figures())
    found: list[bytes] = []
    for minute in range(MINUTES):
        at = NOW + 60 * minute
        found += [lines.line(Stream.LIVE, row(observed(seen))) for seen in _polls(sample_site, at)]
        found += lines.figures(_later(figures, at))
    for name, state in (("i1", "confirmed"), ("i1", "cleared"), ("i2", "suspected")):
        reason = "first" if state != "cleared" else "cleared"
        found.append(lines.line(Stream.EVENT, row(told(incident(name, state, reason, NOW + len(found) % 600)))))
    for draft in _statistics(sample_site):
        found += lines.line(Stream.EVENT, row(draft)).splitlines()
    return found


def row(draft: Draft) -> Row:
    return Row(1, draft.at, draft.key, draft.body)


def _statistics(site: Site) -> Iterator[Draft]:
    """The day and the month that these minutes belong to."""
    coverage, date, rules = History(site, SystemClock()).coverage, local(NOW).date(), Engine(site.area)
    quality = rules.close_period(NOW)
    load = Load(40.0, 60.0, NOW, 960.0, 930.0)
    supply = rules.interruptions.supply(NOW - DAY_S, NOW, NOW)
    day = {**measured(replace(quality, load=load)), "supply": supply_figures(supply)}
    yield Draft(Stream.EVENT, NOW, "stats/day", orjson.dumps({**coverage.message(date), **day}))
    month = {"month": month_of(date), **coverage.together([date]), **together([day])}
    yield Draft(Stream.EVENT, NOW, "stats/month", orjson.dumps(month))


def _polls(site: Site, at: float) -> Iterator[Observation]:
    for number, device in enumerate(site.devices):
        names = [name for name in device.points or device.profile.points if name in catalog()]
        value = 190.0 + number * 12  # some are below the limits and some above
        values = {name: value for name in names if catalog()[name].role != "text"}
        yield Observation(device.id, at, values, bus=device.line, took_ms=80)


def _later(figures: Mapping[str, Any], at: float) -> Mapping[str, Any]:
    """The same figures a while later: devices have answered since."""
    lines = [
        {**line, "devices": [{**one, "last_answer_s": 3.0} for one in line["devices"]]} for line in figures["lines"]
    ]
    return {**figures, "at": at, "observations": round(at - NOW), "lines": lines}


def names_of(lines: Iterable[bytes]) -> dict[str, Measurement]:
    """Measurements with their tags and fields, from line protocol."""
    found: dict[str, Measurement] = {}
    for line in lines:
        head, fields, _ = re.split(r"(?<!\\) (?=[^\"]*(?:\"[^\"]*\"[^\"]*)*$)", line.decode())
        name, *tags = re.split(r"(?<!\\),", head)
        one = found.setdefault(name, Measurement())
        one.tags |= {tag.split("=")[0] for tag in tags}
        one.fields |= set(re.findall(r"(?:^|,)(\w+)=", re.sub(r'"(?:[^"\\]|\\.)*"', "", fields)))
    return found


@pytest.mark.parametrize("query", QUERIES, ids=IDS)
def test_a_query_names_what_is_written(query: Query, written: list[bytes]) -> None:
    measurements = names_of(written)
    aliases = set(re.findall(r'AS "(\w+)"', query.text))
    sources = re.findall(r'FROM "(\w+)"', query.text)
    assert sources
    assert set(sources) <= measurements.keys()
    known = {name for source in sources for name in measurements[source].tags | measurements[source].fields}
    named = set(re.findall(r'"(\w+)"', query.text)) - set(sources) - aliases
    assert named <= known | aliases


def test_the_readme_names_every_measurement_that_is_written(written: list[bytes]) -> None:
    readme = (CONFIG.parent / "README.md").read_text(encoding="utf-8")
    assert [name for name in names_of(written) if f"`{name}`" not in readme] == []


@pytest.mark.influx
def test_a_database_understands_every_query_and_has_an_answer(influxd: Database, written: list[bytes]) -> None:
    _write(influxd, written)
    silent = []
    for query, name in zip(QUERIES, IDS, strict=True):
        try:
            rows = influxd.query(_as_grafana(query), "area")
        except RuntimeError as error:
            pytest.fail(f"{name}: {query.text}: {error}")
        if not rows:
            silent.append(name)
    assert silent == []


def _write(database: Database, lines: list[bytes]) -> None:
    request = urllib.request.Request(f"{database.url}/write?db=area&precision=n", data=b"\n".join(lines))
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 204


def _as_grafana(query: Query) -> str:
    """A query with its macros and variables as Grafana fills them in when everything is chosen."""
    text, days = query.text, int(query.span[:-1]) * {"d": 1, "y": 365}[query.span[-1]]
    span = f"time >= {round(NOW) - days * DAY_S}s AND time < {round(NOW) + 3600}s"
    filled = {"$timeFilter": span, "$__interval": "1m", "$low": "198", "$high": "235.4"}
    for name, value in filled.items():
        text = text.replace(name, value)
    return re.sub(r"\$\w+", ".*", text)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_can_be_imported(name: str) -> None:
    board = DASHBOARDS[name]
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert board["templating"]["list"][0]["type"] == "datasource"
    sources = re.findall(r'"uid": "([^"]*)"', json.dumps([panels, board["annotations"], board["templating"]]))
    assert set(sources) == {"${datasource}"}
    variables = {variable["name"] for variable in board["templating"]["list"]} | {"timeFilter", "__interval"}
    used = {found for query in QUERIES if query.dashboard == name for found in re.findall(r"\$(\w+)", query.text)}
    assert used <= variables


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_panel_lies_on_another(name: str) -> None:
    taken = [
        (x, y)
        for panel in DASHBOARDS[name]["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def test_dashboards_can_stand_side_by_side() -> None:
    assert len({board["uid"] for board in DASHBOARDS.values()}) == len(DASHBOARDS) == 4

"""The faces that are on, together: what each row says through them, and the connection they have beside the main one.

Values and incidents go out on the main connection, each face's messages before the gateway's own message of the same
rows: when the broker has acknowledged that one it has read the others too, and only then are the rows done. The second
connection holds what MQTT gives a connection only once, the will, and hears what the faces listen to.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.metadata import version

import orjson

from gateway.north.faces.face import Face, Told, seen
from gateway.north.faces.home_assistant import HomeAssistant
from gateway.north.faces.iec61850 import Iec61850
from gateway.north.faces.sparkplug import Sparkplug
from gateway.north.messages import LASTING, Message, level
from gateway.north.session import BrokerError, Heard, Session
from gateway.settings.models import Mqtt, Site
from gateway.store import Row, Stream
from rules.incident import Incident

log = logging.getLogger(__name__)


class Company:
    """All faces of one gateway."""

    def __init__(self, members: Iterable[Face] = ()) -> None:
        self._faces = tuple(members)
        self._standing: dict[str, Told] = {}
        self._warned = ""

    @classmethod
    def of(cls, site: Site, wall: Callable[[], float], last_session: int = 0) -> "Company":
        """The faces that a site has switched on.

        `last_session`: where the numbers of Sparkplug's sessions go on; a new run had better begin somewhere else than
        the one before, whose will may still be on its way.
        """
        on, found = site.faces, list[Face]()
        if site.mqtt is not None and on.home_assistant:
            root = f"{site.mqtt.root}/v1/{level(site.id)}/"
            found.append(HomeAssistant(site, on.home_assistant, root, version("taiqu-gateway")))
        if on.sparkplug:
            found.append(Sparkplug(site, on.sparkplug, wall, last_session))
        if on.iec61850:
            found.append(Iec61850(site, on.iec61850))
        return cls(found)

    def births(self, active: Iterable[Incident]) -> list[Message]:
        """What every face says first on a connection."""
        if not self._faces:
            return []
        lasting = [one for one in active if one.state in LASTING]
        self._standing = {one.id: orjson.loads(orjson.dumps(one)) for one in lasting}
        return [message for face in self._faces for message in face.births(tuple(self._standing.values()))]

    def said(self, stream: Stream, rows: Sequence[Row], history: bool) -> list[Message]:
        """What the faces make of these rows."""
        if not self._faces:
            return []
        if stream is Stream.EVENT:
            return [message for row in rows if row.key.startswith("event/") for message in self._told(row)]
        observations = seen(rows)
        return [message for face in self._faces for message in face.observed(observations, history)]

    def _told(self, row: Row) -> Iterator[Message]:
        incident = orjson.loads(row.body)
        if incident["state"] in LASTING:
            self._standing[incident["id"]] = incident
        else:
            self._standing.pop(incident["id"], None)
        standing = tuple(self._standing.values())
        for face in self._faces:
            yield from face.told(incident, standing)

    @contextlib.asynccontextmanager
    async def beside(self, main: Session, settings: Mqtt, client_id: str) -> AsyncIterator[None]:
        """Hold the second connection for as long as the main one is used; lost alone, it takes the main one along.

        A broker that refuses it is told about once; the main one goes on.
        """
        will = next((will for face in self._faces if (will := face.will()) is not None), None)
        topics = [topic for face in self._faces for topic in face.listens()]
        side = await self._open(main, settings, client_id, will, topics) if will is not None or topics else None
        if side is None:
            yield
            return
        lost = partial(_lose, main)
        side.gone.add_done_callback(lost)
        try:
            yield
        finally:
            side.gone.remove_done_callback(lost)
            if will is not None and not side.gone.done():
                with contextlib.suppress(BrokerError):  # the broker says it then
                    await side.farewell(will)
            await side.close()

    async def _open(
        self, main: Session, settings: Mqtt, client_id: str, will: Message | None, topics: Sequence[str]
    ) -> Session | None:
        try:
            side = Session(settings, client_id, will)
        except (OSError, ValueError) as error:
            self._warn(str(error))
            return None
        side.heard = partial(self._heard, main)
        try:
            await side.open()
            for topic in topics:
                if not await side.subscribe(topic):
                    self._warn(f"may not listen to {topic}")
        except BrokerError as error:
            self._warn(str(error))
            await side.close()
            return None
        return side

    def _heard(self, main: Session, heard: Heard) -> None:
        with contextlib.suppress(BrokerError):  # the next connection begins with births anyway
            for face in self._faces:
                for message in face.heard(heard.topic, heard.payload, heard.retained):
                    main.publish(message, message.qos)

    def _warn(self, says: str) -> None:
        if says != self._warned:
            log.warning("mqtt: the second connection, for the faces: %s", says)
        self._warned = says


def _lose(main: Session, gone: "asyncio.Future[str]") -> None:
    if not main.gone.done():
        main.gone.set_result(f"the second connection, for the faces: {gone.result()}")

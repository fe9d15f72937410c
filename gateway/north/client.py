"""A paho client as a session wants it: version, names and secrets, TLS, and what only MQTT 5 can say."""

import socket
import ssl

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.north.secret import secret, secret_path
from gateway.settings.models import Mqtt, Tls

LARGEST = 1_000_000
"""Bytes of a message that we take: nobody may fill our memory with a request."""


def client_for(settings: Mqtt, client_id: str) -> paho.Client:
    """A paho client as we want it. Raises OSError and ValueError for files that cannot be used."""
    version = MQTTProtocolVersion.MQTTv5 if settings.version == "5" else MQTTProtocolVersion.MQTTv311
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=version, reconnect_on_failure=False)
    client.max_inflight_messages_set(65_535)  # the sender's own window is the bound
    client.on_socket_open = _send_at_once
    if settings.username:
        client.username_pw_set(settings.username, secret(settings.password_file) or None)
    if settings.tls is not None:
        client.tls_set_context(_context(settings.tls))
    return client


def bound(settings: Mqtt) -> Properties | None:
    """What the broker must not send us, which only MQTT 5 can say. With 3.1.1 the broker's own limit has to do."""
    if settings.version != "5":
        return None
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.MaximumPacketSize = LARGEST
    return properties


def with_correlation(correlation: bytes | None) -> Properties | None:
    """What goes with an answer to who gave correlation data, which only MQTT 5 has."""
    if correlation is None:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves its constructor so
    properties.CorrelationData = correlation
    properties.ContentType = "application/json"
    return properties


def wishes(properties: Properties | None) -> tuple[str, bytes | None, float | None]:
    """Where an answer is wanted, with what, and for how long."""
    found = {} if properties is None else vars(properties)
    return found.get("ResponseTopic", ""), found.get("CorrelationData"), found.get("MessageExpiryInterval")


def _send_at_once(_client: paho.Client, _data: object, wire: object) -> None:
    """Nagle's algorithm holds a short message back until what went before is acknowledged: some 40 ms for an event."""
    if isinstance(wire, socket.socket):
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _context(tls: Tls) -> ssl.SSLContext:
    authorities, certificate, key = (secret_path(name) for name in (tls.ca, tls.certificate, tls.key))
    context = ssl.create_default_context(cafile=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context

"""TLS and passwords: the right broker is trusted, every wrong one is refused with a sentence, no secret is shown."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.north.expiry import end_of, files_end
from gateway.pipeline import observed
from gateway.settings.models import Mqtt, Tls
from tests.gateway.north.certificates import Authority, Pair
from tests.gateway.north.site import desk, observation
from tests.servers import Server, mosquitto_server, started

pytestmark = pytest.mark.broker


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def tls_broker(folder: Path, authority: Authority, server: Pair, extra: str = "") -> Server:
    """mosquitto that asks for a client's certificate."""
    return mosquitto_server(
        folder,
        f"allow_anonymous true\ncafile {authority.pair.certificate}\ncertfile {server.certificate}\n"
        f"keyfile {server.key}\nrequire_certificate true\n{extra}",
    )


def tls(authority: Authority, client: Pair | None) -> Tls:
    if client is None:
        return Tls(str(authority.pair.certificate))
    return Tls(str(authority.pair.certificate), str(client.certificate), str(client.key))


async def test_certificates_on_both_sides(authority: Authority, tmp_path: Path) -> None:
    broker = tls_broker(tmp_path, authority, authority.sign("server"))
    settings = Mqtt(port=broker.port, tls=tls(authority, authority.sign("gw1")), together_s=0.05)
    with started(broker):
        async with desk(tmp_path / "a.db", settings) as gateway:
            gateway.store.put([observed(observation(1))])
            await gateway.until(lambda: gateway.sender.report.sent == 1)


async def test_it_is_known_when_certificates_end(authority: Authority, tmp_path: Path) -> None:
    broker = tls_broker(tmp_path, authority, authority.sign("server", days=60))
    settings = Mqtt(port=broker.port, tls=tls(authority, authority.sign("gw1", days=20)))
    now = SystemClock.wall()
    with started(broker):
        async with desk(tmp_path / "a.db", settings) as gateway:
            await gateway.until(lambda: gateway.sender.report.connected)
            ends = {whose: round((end - now) / 86_400) for whose, end in gateway.sender.report.certificates.items()}
            assert ends == {"authority": 2, "broker": 60, "client": 20}
            assert set(gateway.sender.expiring(now)) == {"authority", "client"}


def test_a_file_without_a_certificate_is_passed_over(authority: Authority) -> None:
    key, gone = str(authority.pair.key), str(authority.folder / "gone.pem")
    assert files_end(Tls(ca=key, certificate=gone)) == {}
    with pytest.raises(ValueError, match="is no X"):
        end_of(b"\x30\x03\x02\x01")


async def test_the_first_tls_broker_with_a_wrong_certificate_is_left_for_the_second(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    wrong = tls_broker(tmp_path / "one", authority, authority.sign("old", expired=True))
    right = tls_broker(tmp_path, authority, authority.sign("server"))
    fallback = {"fallback_host": "127.0.0.1", "fallback_port": right.port}
    settings = Mqtt(port=wrong.port, tls=tls(authority, authority.sign("gw1")), together_s=0.05, **fallback)  # type: ignore[arg-type]
    with started(wrong), started(right):
        async with desk(tmp_path / "a.db", settings) as gateway:
            gateway.store.put([observed(observation(1))])
            await gateway.until(lambda: gateway.sender.report.sent == 1)


WRONG: dict[str, tuple[Callable[[Authority], Pair], str]] = {
    "that another authority signed": (lambda own: Authority(own.folder, "stranger").sign("server"), "verify failed"),
    "whose certificate has expired": (lambda own: own.sign("server", expired=True), "certificate has expired"),
    "that is somebody else": (lambda own: own.sign("server", address="IP:127.0.0.9"), "IP address mismatch"),
}


@pytest.mark.parametrize(("server", "says"), WRONG.values(), ids=WRONG.keys())
async def test_a_broker_gets_nothing(
    authority: Authority, tmp_path: Path, server: Callable[[Authority], Pair], says: str
) -> None:
    broker = tls_broker(tmp_path, authority, server(authority))
    settings = Mqtt(port=broker.port, tls=tls(authority, authority.sign("gw1")))
    with started(broker):
        async with desk(tmp_path / "a.db", settings) as gateway:
            gateway.store.put([observed(observation(1))])
            await gateway.until(lambda: gateway.sender.report.failures > 0 and gateway.waiting() == 1)
            assert says in gateway.sender.report.says
            assert not gateway.sender.report.connected


def shaken_hands(listener: socket.socket, server: Pair, newest: ssl.TLSVersion) -> str:
    """Take one connection and speak TLS up to a version; what came of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, newest
    with listener.accept()[0] as wire:
        try:
            with context.wrap_socket(wire, server_side=True) as spoken:
                return str(spoken.version())
        except OSError as error:
            return str(error)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize(
    ("newest", "outcome"),
    [(ssl.TLSVersion.TLSv1_1, "UNSUPPORTED_PROTOCOL"), (ssl.TLSVersion.TLSv1_2, "TLSv1.2")],
    ids=["TLS 1.1 is not spoken", "TLS 1.2 is"],
)
async def test_how_old_a_tls_may_be(authority: Authority, tmp_path: Path, newest: ssl.TLSVersion, outcome: str) -> None:
    server = authority.sign("server")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = Mqtt(port=listener.getsockname()[1], tls=tls(authority, None))
        async with desk(tmp_path / "a.db", settings):
            assert outcome in await asyncio.to_thread(shaken_hands, listener, server, newest)


async def test_a_gateway_without_its_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    broker = tls_broker(tmp_path, authority, authority.sign("server"))
    with started(broker):
        async with desk(tmp_path / "a.db", Mqtt(port=broker.port, tls=tls(authority, None))) as gateway:
            await gateway.until(lambda: gateway.sender.report.failures > 0)
            assert not gateway.sender.report.connected


@pytest.mark.parametrize("files", ["ca", "password"])
async def test_a_file_that_is_missing_is_named(tmp_path: Path, files: str) -> None:
    missing = str(tmp_path / "gone.pem")
    settings = Mqtt(tls=Tls(ca=missing)) if files == "ca" else Mqtt(username="gw1", password_file=missing)
    async with desk(tmp_path / "a.db", settings) as gateway:
        await gateway.until(lambda: gateway.sender.report.failures > 0)
        assert missing in gateway.sender.report.says


def passwords(folder: Path) -> Path:
    path = folder / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(path), "gw1", "open sesame"], check=True, capture_output=True)
    return path


@pytest.mark.parametrize("where", ["a file", "a credential of systemd"])
@pytest.mark.parametrize(("password", "right"), [("open sesame", True), ("close sesame", False)])
async def test_user_and_password(
    tmp_path: Path,
    password: str,
    right: bool,
    where: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("DEBUG")
    users = passwords(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text(password + "\n")
    secret.chmod(0o600)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    broker = mosquitto_server(tmp_path, f"allow_anonymous false\npassword_file {users}\n")
    with started(broker):
        settings = Mqtt(
            port=broker.port, username="gw1", password_file=str(secret) if where == "a file" else "credential:secret"
        )
        async with desk(tmp_path / "a.db", settings) as gateway:
            await gateway.until(lambda: gateway.sender.report.connected or gateway.sender.report.failures > 0)
            assert gateway.sender.report.connected is right
            if not right:
                assert "Not authorized" in gateway.sender.report.says
    assert password not in caplog.text

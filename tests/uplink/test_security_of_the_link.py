"""TLS with client certificates, passwords, and what a wrong clock may and may not do to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from device.uplink import Uplink
from device.uplink.endpoint import Endpoint, endpoint_of, locate
from tests.mosquitto import BrokerTls, Mosquitto
from tests.uplink.certificates import DAY, NOW, Authority, Pair
from tests.uplink.memory import EPOCH, Inbox, MemoryOutbox, plain_status, running, settings_for, until
from tests.uplink.scripted import ScriptedBroker, scripted


def tls(authority: Authority, broker: Pair, require_client: bool = True) -> BrokerTls:
    return BrokerTls(authority.ca_file, broker.cert_file, broker.key_file, require_client)


def nothing_known() -> float | None:
    return None


def make(url: str, outbox: MemoryOutbox, floor: Callable[[], float | None] = nothing_known, /, **settings: object) -> Uplink:
    return Uplink(
        settings_for(url, **settings), "test-01", EPOCH, outbox, Inbox().take, plain_status, clock_floor=floor, random=lambda: 0.0
    )


async def refused(uplink: Uplink, caplog: pytest.LogCaptureFixture) -> str:
    """Run an uplink until it says why there is no connection."""
    async with running(uplink):
        await until(lambda: [record for record in caplog.records if record.levelno >= logging.WARNING])
        assert not uplink.health.connected
    return caplog.records[0].getMessage()


@pytest.mark.parametrize("protocol", [5, 4])
async def test_events_go_over_tls_with_a_client_certificate(tmp_path: Path, protocol: int) -> None:
    authority = Authority(tmp_path)
    client = authority.issue("store")
    outbox = MemoryOutbox()
    outbox.add(500, size=2000)
    async with Mosquitto(tmp_path, tls=tls(authority, authority.issue("broker", server=True))) as broker:
        files = {"ca_file": authority.ca_file, "cert_file": client.cert_file, "key_file": client.key_file}
        async with running(make(broker.url, outbox, protocol=protocol, **files)):
            await until(lambda: outbox.acknowledged == 500)


async def test_a_broker_of_another_authority_is_not_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    async with Mosquitto(tmp_path, tls=tls(authority, authority.issue("broker", server=True), require_client=False)) as broker:
        assert "certificate verify failed" in await refused(make(broker.url, MemoryOutbox(), ca_file=other.ca_file), caplog)


async def test_a_broker_with_a_certificate_for_another_address_is_not_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("broker", server=True, address="127.0.0.2")
    async with Mosquitto(tmp_path, tls=tls(authority, pair, require_client=False)) as broker:
        assert "IP address mismatch" in await refused(make(broker.url, MemoryOutbox(), ca_file=authority.ca_file), caplog)


async def test_a_broker_that_wants_a_certificate_refuses_a_store_without_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority(tmp_path)
    async with Mosquitto(tmp_path, tls=tls(authority, authority.issue("broker", server=True))) as broker:
        said = await refused(make(broker.url, MemoryOutbox(), ca_file=authority.ca_file), caplog)
    assert "no connection to mqtts://" in said


async def test_a_certificate_that_is_not_valid_yet_is_refused_while_the_clock_may_be_right(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("broker", server=True, begins=NOW + 10 * DAY, ends=NOW + 20 * DAY)
    async with Mosquitto(tmp_path, tls=tls(authority, pair, require_client=False)) as broker:
        assert "not yet valid" in await refused(make(broker.url, MemoryOutbox(), ca_file=authority.ca_file), caplog)


async def test_a_certificate_that_is_not_valid_yet_is_taken_while_the_clock_is_known_to_be_behind(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("broker", server=True, begins=NOW + 10 * DAY, ends=NOW + 20 * DAY)
    outbox = MemoryOutbox()
    outbox.add(1)
    async with Mosquitto(tmp_path, tls=tls(authority, pair, require_client=False)) as broker:
        floor = (NOW + 15 * DAY).timestamp()
        async with running(make(broker.url, outbox, lambda: floor, ca_file=authority.ca_file)):
            await until(lambda: outbox.acknowledged == 1)


async def test_a_certificate_that_expired_before_the_clock_floor_is_refused_however_wrong_the_clock_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("broker", server=True)
    floor = (NOW + 15 * DAY).timestamp()
    async with Mosquitto(tmp_path, tls=tls(authority, pair, require_client=False)) as broker:
        said = await refused(make(broker.url, MemoryOutbox(), lambda: floor, ca_file=authority.ca_file), caplog)
    assert "has expired" in said


async def test_a_wrong_clock_does_not_let_in_a_broker_of_another_authority(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    async with Mosquitto(tmp_path, tls=tls(authority, authority.issue("broker", server=True), require_client=False)) as broker:
        uplink = make(broker.url, MemoryOutbox(), NOW.timestamp, ca_file=other.ca_file)
        assert "certificate verify failed" in await refused(uplink, caplog)


async def test_a_wrong_password_is_named_and_a_right_one_is_taken_up_without_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    password = tmp_path / "password"
    password.write_text("wrong\n")
    outbox = MemoryOutbox()
    outbox.add(1)
    async with Mosquitto(tmp_path, users={"store": "right"}) as broker:
        uplink = make(broker.url, outbox, username="store", password_file=password)
        async with running(uplink):
            await until(lambda: [record for record in caplog.records if "Not authorized" in record.getMessage()])
            password.write_text("right\n")
            await until(lambda: outbox.acknowledged == 1)
        assert uplink.health.reconnects == 0


@pytest.mark.parametrize("missing", ["password_file", "ca_file", "cert_file"])
async def test_a_missing_file_is_named_and_does_not_end_the_store(tmp_path: Path, caplog: pytest.LogCaptureFixture, missing: str) -> None:
    uplink = make("mqtts://127.0.0.1:1", MemoryOutbox(), **{missing: tmp_path / "absent.pem"})
    assert "absent.pem" in await refused(uplink, caplog)


async def test_an_encrypted_key_is_refused_without_asking_anybody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from cryptography.hazmat.primitives import serialization

    pair = Authority(tmp_path).issue("store")
    key = serialization.load_pem_private_key(pair.key_file.read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    pair.key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret))
    uplink = make("mqtts://127.0.0.1:1", MemoryOutbox(), cert_file=pair.cert_file, key_file=pair.key_file)
    assert "encrypted" in await refused(uplink, caplog)


async def test_a_broker_that_says_nothing_to_a_tls_handshake_does_not_hold_up_the_stop() -> None:
    loop = asyncio.get_running_loop()
    async with scripted(ScriptedBroker(silent=True)) as broker:
        async with running(make(broker.url.replace("mqtt:", "mqtts:"), MemoryOutbox())):
            await until(lambda: broker.connections == 1)
            began = loop.time()
        assert loop.time() - began < 10


async def test_a_name_is_looked_up_and_one_that_does_not_exist_is_named(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    outbox = MemoryOutbox()
    outbox.add(1)
    async with Mosquitto(tmp_path) as broker, running(make(f"mqtt://localhost:{broker.port}", outbox)):
        await until(lambda: outbox.acknowledged == 1)
    caplog.clear()
    assert "nowhere.invalid" in await refused(make("mqtt://nowhere.invalid", MemoryOutbox()), caplog)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("mqtt://broker.example", Endpoint("broker.example", 1883, tls=False)),
        ("mqtts://broker.example", Endpoint("broker.example", 8883, tls=True)),
        ("mqtt://[::1]:2000", Endpoint("::1", 2000, tls=False)),
    ],
)
def test_a_url_says_where_and_how(url: str, endpoint: Endpoint) -> None:
    assert endpoint_of(url) == endpoint


@pytest.mark.parametrize("url", ["http://broker", "mqtt://", "broker:1883"])
def test_another_url_is_none_of_ours(url: str) -> None:
    with pytest.raises(ValueError, match="mqtt://HOST:PORT"):
        endpoint_of(url)


def test_a_secret_that_is_no_file_is_a_credential_of_that_name(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "mqtt-password").write_text("from systemd")
    (tmp_path / "file").write_text("from a file")
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert locate(Path("mqtt-password"), environ) == credentials / "mqtt-password"
    assert locate(tmp_path / "mqtt-password", environ) == credentials / "mqtt-password"
    assert locate(tmp_path / "file", environ) == tmp_path / "file"
    assert locate(Path("absent"), environ) == Path("absent")
    assert locate(Path("mqtt-password"), {}) == Path("mqtt-password")

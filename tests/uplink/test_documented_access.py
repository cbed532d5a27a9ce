"""The access list that the documentation proposes: a store can do all it needs, and nothing to another store."""

from __future__ import annotations

from pathlib import Path

import aiomqtt
import pytest

from device.uplink import Uplink
from tests.mosquitto import BrokerTls, Mosquitto
from tests.uplink.certificates import Authority
from tests.uplink.memory import EPOCH, ROOT, Inbox, MemoryOutbox, plain_status, running, settings_for, until

ACL = """\
# A store, named by the common name of its certificate (use_identity_as_username true): its own topics and no others.
pattern write smartstore/%u/status
pattern readwrite smartstore/%u/zone/+
pattern readwrite smartstore/%u/slot/+
pattern readwrite smartstore/%u/device/+
pattern write smartstore/%u/health
pattern write smartstore/%u/event/#
pattern write smartstore/%u/telemetry/+
pattern write smartstore/%u/reply/+
pattern read smartstore/%u/command/+
pattern read smartstore/%u/receipt
pattern readwrite homeassistant/device/%u/config

# The backend: listens to all stores, and commands them.
user backend
topic read smartstore/#
topic write smartstore/+/command/+
topic write smartstore/+/receipt
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def broker(tmp_path: Path, authority: Authority) -> Mosquitto:
    server = authority.issue("broker", server=True)
    tls = BrokerTls(authority.ca_file, server.cert_file, server.key_file, require_client=True)
    return Mosquitto(tmp_path, tls=tls, acl=ACL, settings=["use_identity_as_username true"])


def backend(broker: Mosquitto, authority: Authority) -> aiomqtt.Client:
    pair = authority.issue("backend")
    files = aiomqtt.TLSParameters(str(authority.ca_file), str(pair.cert_file), str(pair.key_file))
    return aiomqtt.Client("127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V5, tls_params=files)


async def test_a_store_has_all_it_needs(tmp_path: Path, authority: Authority, broker: Mosquitto, caplog: pytest.LogCaptureFixture) -> None:
    pair = authority.issue("test-01")
    files = {"ca_file": authority.ca_file, "cert_file": pair.cert_file, "key_file": pair.key_file}
    outbox, inbox = MemoryOutbox(), Inbox()
    inbox.gate.set()
    outbox.add(10)
    async with broker:
        settings = settings_for(broker.url, acknowledge="backend", **files)
        uplink = Uplink(settings, "test-01", EPOCH, outbox, inbox.take, plain_status, discovery={"device": {}})
        for suffix in ("zone/fridge-1", "slot/A1", "device/shelf-a", "health"):
            uplink.state(suffix, {"state": "online"})
        uplink.reply("id-1", {"status": "done"})
        async with backend(broker, authority) as client, running(uplink):
            await until(lambda: uplink.health.acknowledged == 10)
            await client.publish(f"{ROOT}/command/unlock", b"{}", qos=1)
            await client.publish(f"{ROOT}/receipt", f'{{"epoch":"{EPOCH}","upto":10}}', qos=1)
            await until(lambda: inbox.durable and outbox.acknowledged == 10)
        assert uplink.health.refused == uplink.health.set_aside == 0
    assert [record.getMessage() for record in caplog.records if record.name.startswith("device.")] == []


async def test_a_store_can_neither_speak_for_another_nor_command_it(authority: Authority, broker: Mosquitto) -> None:
    pair = authority.issue("thief")
    files = {"ca_file": authority.ca_file, "cert_file": pair.cert_file, "key_file": pair.key_file}
    outbox, inbox = MemoryOutbox(), Inbox()
    inbox.gate.set()
    outbox.add(3)
    async with broker:
        settings = settings_for(broker.url, client_id="thief", **files)
        uplink = Uplink(settings, "test-01", EPOCH, outbox, inbox.take, plain_status)
        async with backend(broker, authority) as client, running(uplink):
            await until(lambda: len(outbox.aside) == 3)
            uplink.reply("id-1", {}, "smartstore/another/command/unlock")
            await until(lambda: uplink.health.refused >= 2)
            await client.publish(f"{ROOT}/command/unlock", b"{}", qos=1)
        assert inbox.commands == []
    assert set(outbox.aside.values()) == {"not authorized"}

"""The subscriber of the documentation, run as it is written there."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiomqtt

from device.uplink import Uplink
from tests.mosquitto import Mosquitto
from tests.uplink.memory import EPOCH, Inbox, MemoryOutbox, plain_status, running, settings_for, until

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "subscribe.py"


async def test_the_example_prints_the_events_of_a_store(tmp_path: Path) -> None:
    outbox = MemoryOutbox()
    async with Mosquitto(tmp_path) as broker:
        script = tmp_path / "subscribe.py"
        script.write_text(EXAMPLE.read_text().replace("1883", str(broker.port)))
        process = await asyncio.create_subprocess_exec(sys.executable, str(script), stdout=asyncio.subprocess.PIPE)
        try:
            await until(lambda: "Sending SUBACK to" in broker.log)
            async with running(Uplink(settings_for(broker.url), "test-01", EPOCH, outbox, Inbox().take, plain_status)):
                outbox.add(1, "session.ended")
                assert process.stdout is not None
                async with asyncio.timeout(30):
                    line = await process.stdout.readline()
        finally:
            process.kill()
            await process.wait()
    event = json.loads(line)
    assert (event["seq"], event["type"], event["subject"]) == (1, "session.ended", "fridge-1")


def with_port(script: Path, port: int) -> str:
    script.write_text(EXAMPLE.read_text().replace("1883", str(port)))
    return str(script)


async def ended(script: str, broker: Mosquitto | None = None) -> str:
    """What the example says last on the way out: by itself, or at Ctrl-C once it has printed a message of this broker."""
    process = await asyncio.create_subprocess_exec(sys.executable, script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(30):
            if broker is not None:
                await until(lambda: "Sending SUBACK to" in broker.log)
                async with aiomqtt.Client("127.0.0.1", broker.port) as store:
                    await store.publish("smartstore/test-01/event/door/opened", b"{}", qos=1)
                assert process.stdout is not None
                assert await process.stdout.readline() == b"{}\n"
                process.send_signal(signal.SIGINT)
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.decode()


async def test_the_example_ends_silently_at_ctrl_c_and_with_a_sentence_without_a_broker(tmp_path: Path) -> None:
    async with Mosquitto(tmp_path) as broker:
        said = await ended(with_port(tmp_path / "subscribe.py", broker.port), broker)
        assert not said.strip()
    said = await ended(with_port(tmp_path / "subscribe.py", broker.port))
    assert "Connection refused" in said
    assert said.count("\n") == 1


def test_the_documentation_shows_the_example_as_it_is_tested() -> None:
    assert EXAMPLE.read_text() in (DOCS / "mqtt.md").read_text()
    assert len([line for line in EXAMPLE.read_text().splitlines() if line]) == 11


def test_the_access_list_of_the_documentation_is_the_one_that_is_tested() -> None:
    from tests.uplink.test_documented_access import ACL

    assert ACL in (DOCS / "mqtt.md").read_text()

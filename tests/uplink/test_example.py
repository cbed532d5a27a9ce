"""The subscriber of the documentation, run as it is written there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

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
            await until(lambda: "smartstore/+/event/#" in broker.log)
            async with running(Uplink(settings_for(broker.url), "test-01", EPOCH, outbox, Inbox().take, plain_status)):
                outbox.add(1, "session.ended")
                assert process.stdout is not None
                async with asyncio.timeout(30):
                    line = await process.stdout.readline()
        finally:
            process.kill()
            await process.wait()
    assert line.decode() == "1 session.ended fridge-1 {'padding': ''}\n"


def test_the_documentation_shows_the_example_as_it_is_tested() -> None:
    assert EXAMPLE.read_text() in (DOCS / "mqtt.md").read_text()
    assert len([line for line in EXAMPLE.read_text().splitlines() if line]) == 10


def test_the_access_list_of_the_documentation_is_the_one_that_is_tested() -> None:
    from tests.uplink.test_documented_access import ACL

    assert ACL in (DOCS / "mqtt.md").read_text()

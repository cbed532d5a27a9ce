"""The daemon's tap: costs nothing unheard, keeps what it was asked to, drops who does not read, and outlives nobody."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from device.domain.commands import InboundCommand
from device.domain.jws import Keyring
from device.domain.readings import CodeReading, Reading, WeightReading
from device.engine.veil import Veil
from device.journal.aliases import Names
from device.recording import Entry, Keyframe, Taken, read_trace
from device.recording import tap as tapping
from device.recording.ring import Ring
from device.recording.tap import Tap, socket_of
from device.store.access import authentication, codes
from device.store.memory.state import State
from device.store.store import Trust
from tests.recording.recordings import header, layout

PLAN = layout(1, 1)


class Daemon:
    """What a tap has around it: the inbox that may be listened to, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.attached = False
        self.now = 100.0
        self.keyframes = 0
        self.forgotten: list[str] = []
        none = Keyring.of(())
        trust = Trust(codes.Rules("test-01", ZoneInfo("UTC"), none), authentication.Rules("test-01", "smartstore/test-01", none))
        self.veil = Veil(Names(bytes(32)), State(), lambda: trust)
        self.path = socket_of(folder / "journal.db")
        self.tap = Tap(self.path, lambda: header(PLAN), self.keyframe, self.attach, lambda: self.now, self.forget, lambda: self.veil)

    def keyframe(self) -> Keyframe:
        self.keyframes += 1
        return Keyframe(self.now, b'{"seq": 7}', ())

    def attach(self, wanted: bool) -> None:
        self.attached = wanted

    def forget(self, subject: str, answer: Callable[[str | None], None]) -> None:
        self.forgotten.append(subject)
        answer(None if subject == "anna" else "nobody")

    def weigh(self, *grams: int, every_s: float = 0.1) -> None:
        for each in grams:
            self.now += every_s
            if self.attached:
                self.tap.readings([sample(self.now, each)])

    async def ask(self, **request: Any) -> tuple[dict[str, Any], asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        writer.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(40):
            return json.loads(await reader.readline()), reader, writer


def sample(at: float, grams: int) -> Reading:
    return WeightReading("board-0", at, (grams,))


@asynccontextmanager
async def open_daemon(folder: Path) -> AsyncIterator[Daemon]:
    daemon = Daemon(folder)
    await daemon.tap.open()
    try:
        yield daemon
    finally:
        await daemon.tap.close()


async def rest_of(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[Entry]:
    """Say that it is enough, and read what still comes."""
    writer.write_eof()
    async with asyncio.timeout(40):
        data = await reader.read()
    writer.close()
    return list(read_trace(io.BytesIO(data)).entries)


def handed_over(daemon: Daemon) -> list[Entry]:
    """What the tap holds, which is what the inbox has given it since the last second."""
    return list(daemon.tap._waiting)


def weights(entries: list[Entry]) -> list[float]:
    return [entry.values[0] for entry in entries if isinstance(entry, WeightReading)]


async def test_nothing_is_handed_over_until_somebody_listens_and_no_longer_after(tmp_path: Path) -> None:
    async with open_daemon(tmp_path) as daemon:
        daemon.weigh(1)
        assert handed_over(daemon) == []
        answer, reader, writer = await daemon.ask(stream=True)
        assert answer == {"ok": True}
        daemon.weigh(2, 3)
        daemon.tap.flush()
        daemon.tap.command(InboundCommand("tare", b"x"))
        daemon.weigh(4)
        entries = await rest_of(reader, writer)
        assert isinstance(entries[0], Keyframe)
        assert weights(entries) == [2, 3, 4], "what was not yet encoded comes before the end"
        assert [entry.command.name for entry in entries if isinstance(entry, Taken)] == ["tare"]
        daemon.weigh(5)
        assert handed_over(daemon) == []


async def test_the_socket_is_for_its_owner_alone_and_gone_with_the_daemon(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 20) / ("longer" * 15)
    deep.mkdir(parents=True)
    async with open_daemon(deep) as daemon:
        assert len(str(daemon.path)) > 108
        assert daemon.path.stat().st_mode & 0o777 == 0o600
    assert not daemon.path.exists()
    daemon.path.touch()
    async with open_daemon(deep):
        assert daemon.path.is_socket(), "what a killed daemon left is replaced"


async def test_the_past_is_there_only_for_who_asked_to_keep_it(tmp_path: Path) -> None:
    async with open_daemon(tmp_path) as daemon:
        answer, _, writer = await daemon.ask(last_s=60)
        assert "--keep" in answer["error"]
        writer.close()
        answer, _, writer = await daemon.ask(keep_minutes=1)
        writer.close()
        assert daemon.attached
        for number in range(300):
            daemon.weigh(number, every_s=1.0)
            daemon.tap.flush()
        _, reader, writer = await daemon.ask(last_s=20)
        entries = await rest_of(reader, writer)
        assert isinstance(entries[0], Keyframe)
        kept = weights(entries)
        assert kept[-1] == 299
        assert 20 <= len(kept) <= 51, "from the keyframe before on"
        assert kept == list(range(int(kept[0]), 300))
        _, reader, writer = await daemon.ask(last_s=6000)
        assert 60 <= len(weights(await rest_of(reader, writer))) <= 91
        answer, _, writer = await daemon.ask(keep_minutes=0)
        writer.close()
        assert not daemon.attached


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"nonsense\n", "one JSON object"),
        (b"[]\n", "one JSON object"),
        (b"x" * 2000, "one JSON object"),
        (b'{"last_s": -1}\n', "last_s"),
        (b'{"last_s": "x"}\n', "last_s"),
        (b'{"keep_minutes": 61}\n', "keep_minutes"),
        (b'{"keep_minutes": []}\n', "keep_minutes"),
    ],
)
async def test_a_request_that_is_none_is_told_so(tmp_path: Path, line: bytes, said: str) -> None:
    async with open_daemon(tmp_path) as daemon:
        reader, writer = await asyncio.open_unix_connection(str(daemon.path))
        writer.write(line)
        async with asyncio.timeout(40):
            assert said in json.loads(await reader.readline())["error"]
            assert await reader.read() == b""
        writer.close()
        assert not daemon.attached


async def test_so_many_may_listen_and_no_more(tmp_path: Path) -> None:
    async with open_daemon(tmp_path) as daemon:
        writers = [(await daemon.ask(stream=True))[2] for _ in range(tapping.MOST_LISTENERS)]
        answer, _, writer = await daemon.ask(stream=True)
        assert "listening already" in answer["error"]
        for each in (*writers, writer):
            each.close()


async def test_who_does_not_read_is_dropped_and_the_others_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapping, "MOST_UNREAD", 100_000)
    async with open_daemon(tmp_path) as daemon:
        _, reader, writer = await daemon.ask(stream=True)
        lazy = await daemon.ask(stream=True)
        lazy[2].transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport reads
        heard = asyncio.Event()

        async def listen() -> int:
            size = 0
            while data := await reader.read(65536):
                size += len(data)
                heard.set()
            return size

        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen())
            async with asyncio.timeout(30):
                number = 0
                while len(daemon.tap._listeners) > 1:
                    heard.clear()
                    daemon.weigh(*[(number + each) * 7_919 % 8_000_000 for each in range(2000)])
                    number += 2000
                    daemon.tap.flush()
                    await heard.wait()
            writer.write_eof()
        assert listening.result() > 100_000
        for each in (writer, lazy[2]):
            each.close()


async def test_a_second_with_very_many_readings_is_encoded_before_it_is_over(tmp_path: Path) -> None:
    async with open_daemon(tmp_path) as daemon:
        _, reader, writer = await daemon.ask(stream=True)
        daemon.weigh(*range(tapping.MOST_WAITING + 1), every_s=0.0)
        assert daemon.tap._waiting == []
        assert len(weights(await rest_of(reader, writer))) == tapping.MOST_WAITING + 1


def test_a_ring_never_has_more_than_its_bytes() -> None:
    ring = Ring(3600.0)
    for number in range(200):
        ring.put(b"key", 30.0 * number, keyframe=True)
        ring.put(bytes(100_000), 30.0 * number + 1, keyframe=False)
    assert ring.size <= 8 * 1024 * 1024 + 100_003
    assert ring.since(0.0)[0] == b"key"


async def test_what_was_shown_at_a_reader_is_written_down_behind_the_veil(tmp_path: Path) -> None:
    async with open_daemon(tmp_path) as daemon:
        _, reader, writer = await daemon.ask(stream=True)
        daemon.tap.readings([CodeReading("board-0", 100.0, "04A2B9C1")])
        daemon.tap.command(InboundCommand("forget", b'{"args": {"subject": "anna.abendstern"}}'))
        written = await rest_of(reader, writer)
        shown = [entry.text for entry in written if isinstance(entry, CodeReading)]
        assert shown == [daemon.veil.code("04A2B9C1")] != ["04A2B9C1"]
        assert not any("anna" in repr(entry) for entry in written)


async def test_who_is_forgotten_by_way_of_the_tap_is_no_longer_in_what_it_has_kept(tmp_path: Path) -> None:
    async with open_daemon(tmp_path) as daemon:
        answer, _, writer = await daemon.ask(keep_minutes=5)
        assert answer == {"ok": True}
        writer.close()
        daemon.weigh(1, 2, 3)
        daemon.tap.flush()
        answer, _, writer = await daemon.ask(forget="anna")
        assert (answer, daemon.forgotten) == ({"ok": True}, ["anna"])
        writer.close()
        for wrong in ("bruno", 7, ""):
            answer, _, writer = await daemon.ask(forget=wrong)
            assert "error" in answer
            writer.close()
        assert daemon.forgotten == ["anna", "bruno"]
        kept = daemon.keyframes
        daemon.tap.drop_past()
        assert daemon.keyframes == kept + 1
        answer, reader, writer = await daemon.ask(last_s=300)
        assert answer == {"ok": True}
        assert not any(isinstance(entry, WeightReading) for entry in await rest_of(reader, writer))

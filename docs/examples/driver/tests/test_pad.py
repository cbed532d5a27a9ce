"""The pad, on the suite that every driver of smartstore passes, and what is its own."""

import asyncio
from contextlib import asynccontextmanager

from example_pad import PAD, Decoder, Grams, PadOptions, line

from device.contract.case import Case, Peer
from device.contract.suite import *  # noqa: F403
from device.domain.layout import ForeignScale
from device.domain.port import TcpAddress
from device.domain.readings import WeightReading
from device.drivers import dialogue
from device.wire.noise import Noise


class Pad:
    """A pad behind a serial port server, on a socket of this machine."""

    def __init__(self):
        self.noise = b""
        self.frozen = False
        self.port = 0
        self._server = None
        self._writers = set()

    async def plug(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self):
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, _reader, writer):
        self._writers.add(writer)
        try:
            while not writer.is_closing():
                if not self.frozen:
                    writer.write(self.noise + line(1234.5))
                await asyncio.sleep(0.02)
        finally:
            self._writers.discard(writer)
            writer.close()


def does(pad, **what):
    async def do():
        for name, value in what.items():
            setattr(pad, name, value)

    return do


@asynccontextmanager
async def served(_folder):
    pad = Pad()
    await pad.plug()
    entry = ForeignScale(id="pad", zone="z", driver="example.pad")
    try:
        yield Peer(
            driver=PAD.make(entry, PadOptions(port=TcpAddress("127.0.0.1", pad.port))),
            shows=WeightReading,
            unplug=pad.unplug,
            plug=pad.plug,
            noise=does(pad, noise=b"\xff\x00 nonsense\r\n"),
            quiet=does(pad, noise=b""),
            freeze=does(pad, frozen=True),
        )
    finally:
        await pad.unplug()
        await asyncio.sleep(0.05)  # for what was serving to notice


def hurry(monkeypatch):
    monkeypatch.setattr(dialogue, "SILENT_S", 1.0)


CASES = [Case("example.pad", served, hurry)]


def test_a_weight_is_read_and_one_wrong_character_is_noise():
    assert Decoder().feed(b"G 1234.5 *B4\r\n") == [Grams(1234.5)]
    assert Decoder().feed(b"G 1234.6 *B4\r\n") == [Noise(b"G 1234.6 *B4")]

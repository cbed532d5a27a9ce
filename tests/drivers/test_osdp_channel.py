"""The secure channel of OSDP as SIA's annex E has it: computed here, from the cipher alone, and held against what passes on the line.

Panel and device choose their random numbers themselves; what they prove with them must be what the standard says.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from device.domain.layout import OsdpReader
from device.domain.readings import DeviceUp
from device.drivers.osdp import OsdpReaderDriver
from firmware_sims.osdp import OsdpDevice
from firmware_sims.serve import Rig
from tests.capture import capture
from tests.drivers.inbox import Inbox, running

GOLDEN = capture("osdp_channel")
KEY = bytes.fromhex("8A1F6B02C94D37E5A0B19C83D276F54E")
ADDRESS = 5
BEGIN = 0x53
WITH_BLOCK = 0x08
CHALLENGE, CHALLENGED, PROOF, PROVEN = 0x11, 0x12, 0x13, 0x14
"""Types of the security block of the four messages that a channel begins with (annex D.1.3)."""


def cipher(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


class Channel(NamedTuple):
    """What follows from the key and the two random numbers (annex D.4 and D.5)."""

    s_enc: bytes
    s_mac1: bytes
    s_mac2: bytes
    panel_cryptogram: bytes
    device_cryptogram: bytes
    first_mac: bytes


def channel(key: bytes, panel_random: bytes, device_random: bytes) -> Channel:
    s_enc, s_mac1, s_mac2 = (cipher(key, bytes((1, kind)) + panel_random[:6] + bytes(8)) for kind in (0x82, 0x01, 0x02))
    panel_cryptogram = cipher(s_enc, device_random + panel_random)
    device_cryptogram = cipher(s_enc, panel_random + device_random)
    return Channel(s_enc, s_mac1, s_mac2, panel_cryptogram, device_cryptogram, cipher(s_mac2, cipher(s_mac1, panel_cryptogram)))


class Overheard:
    """A device on whose line somebody listens."""

    def __init__(self, device: OsdpDevice) -> None:
        self._device = device
        self.quantum_s = device.quantum_s
        self.line = b""

    def receive(self, data: bytes) -> bytes:
        self.line += data
        return self._said(self._device.receive(data))

    def tick(self, dt: float) -> bytes:
        return self._said(self._device.tick(dt))

    def power_cycle(self) -> None:
        self._device.power_cycle()

    def _said(self, data: bytes) -> bytes:
        self.line += data
        return data


def handshake(line: bytes) -> dict[int, bytes]:
    """The data of the messages that carry one of the four blocks, the last of each."""
    found: dict[int, bytes] = {}
    place = 0
    while (place := line.find(BEGIN, place)) >= 0:
        size = int.from_bytes(line[place + 2 : place + 4], "little")
        frame = line[place : place + size]
        place += max(size, 1)
        if len(frame) > 8 and frame[4] & WITH_BLOCK and frame[6] in (CHALLENGE, CHALLENGED, PROOF, PROVEN):
            found[frame[6]] = frame[9:-2]
    return found


def test_the_published_channel_follows_from_its_key_and_its_random_numbers() -> None:
    made = channel(GOLDEN["key"], GOLDEN["panel_random"], GOLDEN["device_random"])
    assert made._asdict() == {name: GOLDEN[name] for name in Channel._fields}


async def opened(folder: Path) -> dict[int, bytes]:
    """What panel and device say to each other until a channel stands, by the type of its block."""
    key_file = folder / "door.key"
    key_file.write_text(KEY.hex())
    overheard = Overheard(OsdpDevice(ADDRESS, KEY))
    async with Rig() as rig:
        port = rig.pty(overheard, folder / "port").port
        entry = {"id": "reader", "zone": "z", "driver": "osdp", "address": ADDRESS, "port": port, "key_file": key_file}
        inbox = Inbox()
        async with running(inbox, OsdpReaderDriver(OsdpReader.model_validate(entry))):
            await inbox.next(DeviceUp)
    return handshake(overheard.line)


async def test_panel_and_device_prove_that_they_have_the_key_as_the_standard_says(tmp_path: Path) -> None:
    said = await opened(tmp_path)
    made = channel(KEY, said[CHALLENGE], said[CHALLENGED][8:16])
    assert said[CHALLENGED][16:] == made.device_cryptogram
    assert said[PROOF] == made.panel_cryptogram
    assert said[PROVEN] == made.first_mac


async def test_the_random_numbers_are_new_for_every_channel(tmp_path: Path) -> None:
    one, other = [await opened(tmp_path) for _ in range(2)]
    assert one[CHALLENGE] != other[CHALLENGE]
    assert one[CHALLENGED][8:16] != other[CHALLENGED][8:16]

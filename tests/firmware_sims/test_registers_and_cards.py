"""Load-cell transmitters, the XY-MD02, card readers: byte for byte as the manuals and captures have them."""

from __future__ import annotations

import pytest

from firmware_sims.modbus import RtuSlave, crc
from firmware_sims.modbus_registers import LoadCellTransmitter, Thermometer
from firmware_sims.rdm6300 import Rdm6300, card_frame
from firmware_sims.sim import Load, Steady
from firmware_sims.wiegand import WiegandBridge, h10301, line
from tests.capture import capture

MODBUS = capture("modbus")


def ask(slave: RtuSlave, request: bytes) -> bytes:
    slave.tick(0.1)
    return slave.receive(request)


def request(text: str) -> bytes:
    body = bytes.fromhex(text)
    return body + crc(body)


def transmitter(*grams: float, words: str = "big", signed: bool = True, per_gram: float = 1.0) -> RtuSlave:
    loads: list[Load] = [Steady(each) for each in grams]
    count = len(loads)
    unit = LoadCellTransmitter(loads, 1, counts_per_gram=[per_gram] * count, zero_counts=[0.0] * count, words=words, signed=signed)
    return RtuSlave(unit)


class TestLoadCells:
    def test_two_channels_are_read_as_captured(self) -> None:
        assert ask(transmitter(1000, -100), MODBUS["four_asked"]) == MODBUS["four_answered"]

    @pytest.mark.parametrize("channel", range(1, 6))
    def test_each_channel_has_its_two_registers(self, channel: int) -> None:
        answer = ask(transmitter(1, 2, 3, 4, 5), MODBUS[f"channel_{channel}"])
        assert answer[:7] == bytes([1, 3, 4, 0, 0, 0, channel])

    def test_a_register_that_is_not_there_is_refused_as_captured(self) -> None:
        assert ask(transmitter(1), MODBUS["illegal_asked"]) == MODBUS["illegal_answered"]

    def test_sixteen_channels_are_read_in_one_request_and_a_seventeenth_cannot_be(self) -> None:
        answer = ask(transmitter(*range(16)), request("01 03 00 00 00 20"))
        assert answer[2] == 64
        assert answer[3 + 4 * 15 : 3 + 4 * 16] == bytes([0, 0, 0, 15])
        with pytest.raises(ValueError, match="1-16"):
            transmitter(*range(17))

    def test_the_low_word_comes_first_where_it_is_so_ordered(self) -> None:
        answer = ask(transmitter(70_000, words="little"), request("01 03 00 00 00 02"))
        assert answer[3:7] == bytes.fromhex("1170 0001")

    def test_without_a_sign_there_is_nothing_under_zero_and_twice_as_much_above(self) -> None:
        answer = ask(transmitter(-5, 3e9, signed=False), request("01 03 00 00 00 04"))
        assert answer[3:11] == bytes.fromhex("00000000 B2D05E00")

    def test_a_divisor_is_counts_for_a_unit(self) -> None:
        answer = ask(transmitter(12.3, per_gram=10), request("01 03 00 00 00 02"))
        assert answer[3:7] == (123).to_bytes(4, "big")


class TestThermometer:
    @pytest.mark.parametrize(("celsius", "answer"), [(30.5, "temperature_warm"), (-20.5, "temperature_cold")])
    def test_a_temperature_is_said_as_captured(self, celsius: float, answer: str) -> None:
        assert ask(RtuSlave(Thermometer(lambda: celsius)), MODBUS["temperature_asked"]) == MODBUS[answer]

    def test_temperature_and_humidity_are_read_together_as_captured(self) -> None:
        assert ask(RtuSlave(Thermometer(lambda: 30.5)), MODBUS["pair_asked"]) == MODBUS["pair_answered"]

    def test_a_clone_says_hundredths(self) -> None:
        slave = RtuSlave(Thermometer(lambda: -20.5, divisor=100))
        assert ask(slave, MODBUS["temperature_asked"])[3:5] == (-2050).to_bytes(2, "big", signed=True)

    def test_a_correction_is_added_and_survives_the_power(self) -> None:
        slave = RtuSlave(Thermometer(lambda: 31.0))
        written = request("01 06 01 03 FF FB")
        assert ask(slave, written) == written
        slave.power_cycle()
        assert ask(slave, MODBUS["temperature_asked"]) == MODBUS["temperature_warm"]
        assert ask(slave, request("01 06 01 03 00 65"))[1] == 0x86
        assert ask(slave, request("01 06 01 01 00 05"))[1] == 0x86


class TestCards:
    @pytest.mark.parametrize(("card", "checksum"), [("010063E9AE", "25"), ("100086F444", "26")])
    def test_an_rdm6300_frame_is_as_published(self, card: str, checksum: str) -> None:
        assert card_frame(card) == b"\x02" + (card + checksum).encode() + b"\x03"

    def test_an_rdm6300_repeats_a_card_while_it_is_near(self) -> None:
        reader = Rdm6300()
        reader.show("010063E9AE", 0.3)
        said = b"".join([reader.tick(reader.quantum_s) for _ in range(20)])
        assert said == b"\x02010063E9AE25\x03" * 5

    @pytest.mark.parametrize(("facility", "card", "said"), [(212, 7041, b"W26:EA0DC080\r\n"), (101, 4095, b"W26:3287FFC0\r\n")])
    def test_a_wiegand_card_is_said_as_documented(self, facility: int, card: int, said: bytes) -> None:
        assert line(h10301(facility, card)) == said

    def test_the_published_bits_are_those_of_the_card(self) -> None:
        assert h10301(101, 4095) == "00110010100001111111111111"
        assert h10301(212, 7041) == "11101010000011011100000010"

    def test_a_bridge_says_a_shown_card_once_and_a_held_one_each_second(self) -> None:
        bridge = WiegandBridge()
        bridge.show("212:7041")
        assert b"".join([bridge.tick(0.05) for _ in range(60)]) == b"W26:EA0DC080\r\n"
        bridge.show("0110", hold_s=2.5)
        assert b"".join([bridge.tick(0.05) for _ in range(100)]) == b"W4:60\r\n" * 3

    @pytest.mark.parametrize("code", ["256:1", "1:65536", "hello", "", "101", "1" * 65])
    def test_what_is_no_card_cannot_be_shown(self, code: str) -> None:
        with pytest.raises(ValueError, match=r"card|literal"):
            WiegandBridge().show(code)

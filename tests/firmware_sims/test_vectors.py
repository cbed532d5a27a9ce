"""The simulated firmware says, byte for byte, what the manuals and captures say."""

from __future__ import annotations

import pytest

from firmware_sims import gm65, modbus, r200, shelf_board
from firmware_sims.gm65 import Gm65
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.r200 import R200
from firmware_sims.shelf_board import ShelfBoard
from firmware_sims.sim import Steady
from firmware_sims.stream import StreamScale


def settle(scale: MtSicsScale | StreamScale) -> None:
    for _ in range(6):
        scale.tick(0.1)


class TestMtSics:
    def test_a_stable_weight_is_said_in_ten_right_aligned_characters(self) -> None:
        scale = MtSicsScale(Steady(100.0))
        settle(scale)
        assert scale.receive(b"S\r\n") == b"S S     100.00 g\r\n"

    def test_a_negative_weight_has_its_sign_inside_the_field(self) -> None:
        scale = MtSicsScale(Steady(-100.0))
        settle(scale)
        assert scale.receive(b"SI\r\n") == b"S S    -100.00 g\r\n"

    def test_a_moving_weight_is_dynamic(self) -> None:
        load = Steady(0.0)
        scale = MtSicsScale(load)
        settle(scale)
        load.grams = 129.07
        scale.tick(0.1)
        assert scale.receive(b"SI\r\n") == b"S D     129.07 g\r\n"

    def test_it_greets_with_its_serial_number_at_power_up_and_once_more_after_a_power_cycle(self) -> None:
        scale = MtSicsScale(Steady())
        assert scale.tick(0.1) == b'I4 A "B021002593"\r\n'
        assert scale.tick(0.1) == b""
        scale.power_cycle()
        assert scale.tick(0.1) == b'I4 A "B021002593"\r\n'

    def test_overload_and_underload_have_no_number(self) -> None:
        load = Steady(40_000.0)
        scale = MtSicsScale(load, capacity_g=30_000)
        assert scale.receive(b"SI\r\n") == b"S +\r\n"
        load.grams = -5_000.0
        scale.tick(0.1)
        assert scale.receive(b"SI\r\n") == b"S -\r\n"

    def test_a_repeated_weight_stops_at_the_next_single_one(self) -> None:
        scale = MtSicsScale(Steady(1.0))
        settle(scale)
        assert scale.receive(b"SIR\r\n") == b"S S       1.00 g\r\n"
        assert scale.tick(0.1) == b"S S       1.00 g\r\n"
        scale.receive(b"SI\r\n")
        assert scale.tick(0.1) == b""

    def test_reset_ends_repeating_and_forgets_the_tare(self) -> None:
        scale = MtSicsScale(Steady(50.0))
        settle(scale)
        assert scale.receive(b"T\r\n") == b"T S      50.00 g\r\n"
        assert scale.receive(b"SIR\r\n") == b"S S       0.00 g\r\n"
        assert scale.receive(b"@\r\n") == b'I4 A "B021002593"\r\n'
        assert scale.tick(0.1) == b""
        assert scale.receive(b"SI\r\n") == b"S S      50.00 g\r\n"

    def test_a_weight_that_never_rests_is_not_executable_after_a_time(self) -> None:
        load = Steady()
        scale = MtSicsScale(load)
        said = scale.receive(b"S\r\n")
        for count in range(60):
            load.grams = 100.0 * (count % 2)
            said += scale.tick(0.1)
        assert said == b'I4 A "B021002593"\r\nS I\r\n'

    def test_zero_and_the_tare_commands_acknowledge(self) -> None:
        scale = MtSicsScale(Steady(3.0))
        settle(scale)
        assert scale.receive(b"Z\r\n") == b"Z A\r\n"
        assert scale.receive(b"ZI\r\n") == b"ZI S\r\n"
        assert scale.receive(b"TAC\r\n") == b"TAC A\r\n"
        assert scale.receive(b"TI\r\n") == b"TI S       0.00 g\r\n"
        assert scale.receive(b"TA 12.5 g\r\n") == b"TA A      12.50 g\r\n"

    def test_a_load_outside_the_zero_range_is_not_zeroed(self) -> None:
        scale = MtSicsScale(Steady(3_000.0))
        settle(scale)
        assert scale.receive(b"Z\r\n") == b"Z +\r\n"

    @pytest.mark.parametrize(
        ("asked", "said"), [(b"si\r\n", b"ES\r\n"), (b"XYZ\r\n", b"ES\r\n"), (b"SI 5\r\n", b"SI L\r\n"), (b"TA x g\r\n", b"TA L\r\n")]
    )
    def test_what_is_wrong_is_refused_as_the_manual_says(self, asked: bytes, said: bytes) -> None:
        assert MtSicsScale(Steady()).receive(asked) == said

    def test_a_line_without_end_is_thrown_away(self) -> None:
        scale = MtSicsScale(Steady())
        assert scale.receive(b"X" * 129) == b"ES\r\n"
        assert scale.receive(b"I4\r\n") == b'I4 A "B021002593"\r\n'

    def test_all_commands_are_listed_and_the_last_line_ends_the_list(self) -> None:
        lines = MtSicsScale(Steady()).receive(b"I0\r\n").split(b"\r\n")[:-1]
        assert [line[:4] for line in lines] == [b"I0 B"] * (len(lines) - 1) + [b"I0 A"]


class TestStream:
    def test_and_standard_format(self) -> None:
        scale = StreamScale(Steady(1234.5))
        settle(scale)
        assert scale.tick(0.1) == b"ST,+001234.5  g\r\n"

    def test_and_is_unstable_until_it_rests_and_over_its_capacity_says_nines(self) -> None:
        load = Steady(0.0)
        scale = StreamScale(load)
        assert scale.tick(0.1) == b"US,+000000.0  g\r\n"
        load.grams = 31_000.0
        assert scale.tick(0.1) == b"OL,+999999.9  g\r\n"

    def test_and_indicator_format(self) -> None:
        load = Steady(12_340.0)
        scale = StreamScale(load, "a&d-indicator")
        settle(scale)
        assert scale.tick(0.1) == b"ST,GS,+012.340kg\r\n"
        load.grams = 31_000.0
        assert scale.tick(0.1) == b"OL,GS,+    .  kg\r\n"

    def test_cas_has_22_bytes_with_device_and_lamps(self) -> None:
        scale = StreamScale(Steady(13_500.0), "cas")
        settle(scale)
        line = scale.tick(0.1)
        assert line == b"ST,GS,1\xc4,  13.500 kg\r\n"
        assert len(line) == 22

    def test_nci_answers_only_when_asked_and_does_not_know_other_requests(self) -> None:
        scale = StreamScale(Steady(1_234.0), "nci")
        settle(scale)
        assert scale.tick(0.1) == b""
        assert scale.receive(bytes.fromhex("570D")) == b"\n0001.234KG\r\n\x3f\x30\r\x03"
        assert scale.receive(b"Q\r") == bytes.fromhex("0A3F0D03")

    def test_nci_over_capacity_says_its_status_only(self) -> None:
        scale = StreamScale(Steady(31_000.0), "nci")
        settle(scale)
        assert scale.receive(b"W\r") == b"\n\x3f\x32\r\x03"


class TestShelfBoard:
    def test_the_documented_samples_frame(self) -> None:
        expected = "A5 5A 01 02 12 00 07 00 40 42 0F 00 03 00 00 00 F5 48 01 00 FF FF FF FF 56 5B"
        assert shelf_board.samples(7, 1_000_000, {0: 84213, 1: -1}) == bytes.fromhex(expected)

    def test_hello_at_power_up_and_when_asked_in_any_pieces(self) -> None:
        board = ShelfBoard([Steady(), Steady()], serial=b"ABCDEFGH")
        hello = shelf_board.frame(shelf_board.HELLO, b"ABCDEFGH" + bytes([1, 2, 2, 0, 10, 0]))
        assert board.tick(0.1) == hello
        said = b"".join([board.receive(bytes([byte])) for byte in bytes.fromhex("00 A5 A5 5A 01 01 00 00 44 C5")])
        assert said == hello

    def test_configure_changes_rate_and_channels(self) -> None:
        board = ShelfBoard([Steady(100.0), Steady(), Steady()])
        board.tick(1.0)
        assert board.receive(bytes.fromhex("A5 5A 01 03 04 00 50 00 03 00 A6 88")) == shelf_board.frame(4, b"\x00")
        assert board.quantum_s == 1 / 80
        assert board.tick(1 / 80)[12:16] == b"\x03\x00\x00\x00"

    @pytest.mark.parametrize("payload", ["0B000100", "0A000800", "0A00"])
    def test_a_bad_value_is_refused_and_changes_nothing(self, payload: str) -> None:
        board = ShelfBoard([Steady(), Steady(), Steady()])
        assert board.receive(shelf_board.frame(3, bytes.fromhex(payload))) == shelf_board.frame(4, b"\x01")
        assert board.quantum_s == 1 / 10

    def test_saturation_is_a_fault_with_its_code_and_no_answer_a_fault_without(self) -> None:
        board = ShelfBoard([Steady(50_000.0), Steady(1.0)], zero_counts=[0.0, 0.0])
        board.silent_channels.add(1)
        board.tick(0.5)
        assert board.tick(0.1)[12:20] == bytes.fromhex("0100 0300 FFFF7F00")

    def test_seq_and_time_start_again_after_a_power_cycle(self) -> None:
        board = ShelfBoard([Steady()])
        board.tick(2.0)
        board.power_cycle()
        assert board.tick(0.1)[3] == shelf_board.HELLO
        board.tick(0.3)
        assert board.tick(0.1)[6:12] == bytes.fromhex("0000 20A10700")

    def test_a_report_every_ten_seconds(self) -> None:
        board = ShelfBoard([Steady()])
        board.power_cycle()
        said = board.tick(10.0)
        assert shelf_board.frame(5, bytes.fromhex("6608 9C13 0100 00000000")) in said


class TestModbus:
    @pytest.mark.parametrize(
        "frame", ["010300000002C40B", "0103000800024 5C9", "01030200017984", "01103003000102000157A0", "01040200FF", "018302C0F1"]
    )
    def test_the_checksum_of_captures(self, frame: str) -> None:
        data = bytes.fromhex(frame.replace(" ", ""))
        if frame == "01040200FF":
            assert modbus.crc(data[:-2]) != data[-2:]
        else:
            assert modbus.crc(data[:-2]) == data[-2:]


class TestGm65:
    @pytest.mark.parametrize("command", ["7E 00 08 01 00 02 01 AB CD", "7E 00 09 01 00 00 00 DE C8", "7E 00 08 02 00 2A 39 01 A7 EA"])
    def test_settings_are_acknowledged(self, command: str) -> None:
        assert Gm65().receive(bytes.fromhex(command)) == bytes.fromhex("02 00 00 01 00 33 31")

    def test_the_baud_rate_is_read_back(self) -> None:
        assert Gm65().receive(bytes.fromhex("7E 00 07 01 00 2A 02 D8 0F")) == gm65.reply(b"\x39\x01")

    def test_a_wrong_checksum_gets_silence(self) -> None:
        assert Gm65().receive(bytes.fromhex("7E 00 07 01 00 2A 02 D8 0E")) == b""

    def test_a_code_comes_once_with_a_carriage_return_and_again_while_it_is_held(self) -> None:
        reader = Gm65()
        reader.show("ABCD")
        assert reader.tick(0.05) == b"ABCD\r"
        assert b"".join([reader.tick(0.05) for _ in range(60)]) == b""
        reader.show("ABCD", hold_s=2.5)
        assert b"".join([reader.tick(0.05) for _ in range(60)]) == b"ABCD\rABCD\rABCD\r"

    def test_in_triggered_mode_it_reads_only_after_the_trigger_and_settings_are_lost_unless_saved(self) -> None:
        reader = Gm65()
        reader.receive(bytes.fromhex("7E 00 08 01 00 00 D5 AB CD"))
        reader.show("ABCD", hold_s=10)
        assert reader.tick(0.05) == b""
        reader.receive(bytes.fromhex("7E 00 08 01 00 02 01 AB CD"))
        assert reader.tick(0.05) == b"ABCD\r"
        reader.power_cycle()
        reader.show("ABCD")
        assert reader.tick(0.05) == b"ABCD\r"


EPC = bytes.fromhex("30751FEB705C5904E3D50D70")


class TestR200:
    @pytest.mark.parametrize(
        ("epc", "rssi", "pc", "expected"),
        [
            ("30751FEB705C5904E3D50D70", -55, 0x3400, "BB02220011C9340030751FEB705C5904E3D50D703A76EF7E"),
            ("E200001D7315016521408FC6", -60, 0x3000, "BB02220011C43000E200001D7315016521408FC6B83EC27E"),
            ("E200471BB0006013044509D0", -53, 0x3400, "BB02220011CB3400E200471BB0006013044509D09582D47E"),
        ],
    )
    def test_a_notice_is_what_was_captured(self, epc: str, rssi: int, pc: int, expected: str) -> None:
        assert r200.notice(bytes.fromhex(epc), rssi, pc) == bytes.fromhex(expected)

    def test_no_tag_is_an_error_frame_to_a_single_poll_and_once_a_round_to_a_multi_poll(self) -> None:
        module = R200(list)
        assert module.receive(bytes.fromhex("BB00220000227E")) == bytes.fromhex("BB01FF000115167E")
        module.receive(bytes.fromhex("BB00270003222710837E"))
        assert module.tick(r200.ROUND_S * 3) == bytes.fromhex("BB01FF000115167E") * 3

    def test_a_multi_poll_ends_after_its_rounds_or_when_stopped(self) -> None:
        module = R200(lambda: [EPC], read_rate=1.0)
        module.receive(r200.frame(0, 0x27, bytes.fromhex("220003")))
        assert module.tick(r200.ROUND_S * 10).count(EPC) == 3
        module.receive(bytes.fromhex("BB00270003222710837E"))
        assert module.receive(bytes.fromhex("BB00280000287E")) == bytes.fromhex("BB01280001002A7E")
        assert module.tick(1.0) == b""

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ("BB00070001010 97E", "BB0107000100097E"),
            ("BB00B6000207D08F7E", "BB01B6000100B87E"),
            ("BB000300010 0047E", "BB01030010004D3130302032 3664426D2056312E30927E"),
        ],
    )
    def test_commands_answer_as_documented(self, asked: str, said: str) -> None:
        assert R200(list).receive(bytes.fromhex(asked.replace(" ", ""))) == bytes.fromhex(said.replace(" ", ""))

    def test_every_tag_of_a_full_cabinet_is_read_within_seconds(self) -> None:
        epcs = [EPC[:-1] + bytes([number]) for number in range(40)]
        module = R200(lambda: epcs, seed=3)
        module.receive(bytes.fromhex("BB00270003222710837E"))
        said = module.tick(3.0)
        assert all(epc in said for epc in epcs)

"""The golden vectors of ``tests/captures`` on the simulated firmware: it says, or understands, the very bytes that the drivers are held to.

Both are pinned to manuals and captures, not to each other. Every vector is here: said, understood, or with the reason why no firmware of
ours has to do with it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from firmware_sims import ds18b20, gm65, llrp, r200, rdm6300, shelf_board, uhfreader18, wiegand
from firmware_sims.epc import sgtin96
from firmware_sims.modbus import RtuSlave
from firmware_sims.modbus_registers import LoadCellTransmitter, Thermometer
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.sim import Sim, Steady
from firmware_sims.stream import Dialect, StreamScale
from tests.capture import CAPTURES, capture

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
UHF_EPC = bytes.fromhex("E284361100001000094944AA")


def settled(scale: MtSicsScale | StreamScale) -> MtSicsScale | StreamScale:
    for _ in range(6):
        scale.tick(scale.quantum_s)
    return scale


def sics(grams: float, asked: bytes = b"SI\r\n", then: float | None = None) -> bytes:
    load = Steady(grams)
    scale = settled(MtSicsScale(load))
    if then is not None:
        load.grams = then
        scale.tick(0.1)
    return scale.receive(asked)


def never_at_rest() -> bytes:
    load = Steady()
    scale = MtSicsScale(load)
    greeting = scale.tick(0.1)
    load.grams = 50.0
    scale.tick(0.1)
    said = scale.receive(b"S\r\n")
    for count in range(60):
        load.grams = 100.0 * (count % 2)
        said += scale.tick(0.1)
    return said.removeprefix(greeting)


def line(dialect: Dialect, grams: float) -> bytes:
    return settled(StreamScale(Steady(grams), dialect)).tick(0.1)


def nci(grams: float, asked: bytes) -> bytes:
    return settled(StreamScale(Steady(grams), "nci")).receive(asked)


def registers(name: str, *grams: float) -> bytes:
    unit = LoadCellTransmitter([Steady(each) for each in grams], counts_per_gram=[1.0] * len(grams), zero_counts=[0.0] * len(grams))
    return asked_on(RtuSlave(unit), name)


def climate(name: str, celsius: float) -> bytes:
    return asked_on(RtuSlave(Thermometer(lambda: celsius)), name)


def asked_on(slave: RtuSlave, name: str) -> bytes:
    slave.tick(0.1)
    return slave.receive(capture("modbus")[name])


def uhf(name: str, *epcs: bytes) -> bytes:
    return _after(uhfreader18.UhfReader18(lambda: list(epcs), read_rate=1.0), capture("uhfreader18")[name])


def _after(device: Sim, asked: bytes) -> bytes:
    return device.receive(asked) + b"".join(device.tick(device.quantum_s) for _ in range(40))


def bits(facility: int, card: int) -> bytes:
    return wiegand.line(wiegand.h10301(facility, card))


def kernel(celsius: float) -> bytes:
    return ds18b20.w1_slave(ds18b20.scratchpad(celsius))


def after_a_good_one(pad: str, celsius: float = 22.9375) -> bytes:
    return ds18b20.w1_slave(bytes.fromhex(pad), ds18b20.scratchpad(celsius))


def board_says(name: str) -> bytes:
    """The count as the board sends it, cut to the converter's 24 bits."""
    code = int.from_bytes(capture("hx711")[name], "big", signed=True)
    board = shelf_board.ShelfBoard([Steady()])
    board.stuck_channels[0] = code
    board.tick(1.0)
    frame = board.tick(0.1)
    saturated = frame[14:16] == b"\x01\x00"
    assert saturated == name.endswith("_end")
    return frame[16:19][::-1]


SAID: dict[str, dict[str, Callable[[], bytes]]] = {
    "mt_sics": {
        "stable": lambda: sics(100.0),
        "dynamic": lambda: sics(0.0, then=129.07),
        "negative": lambda: sics(-100.0),
        "busy": never_at_rest,
        "overload": lambda: sics(0.0, then=1e6),
        "underload": lambda: sics(0.0, then=-1e6),
        "syntax": lambda: sics(0.0, b"si\r\n"),
        "zeroed": lambda: sics(3.0, b"Z\r\n"),
        "tare_cleared": lambda: sics(3.0, b"TAC\r\n"),
    },
    "stream": {
        "ad_stable": lambda: line("a&d", 1234.5),
        "ad_over": lambda: line("a&d", 1e6),
        "ad_gross_over": lambda: line("a&d-indicator", 1e6),
        "cas_stable": lambda: line("cas", 1234.0),
        "nci_bad_command": lambda: nci(100.0, b"X\r"),
    },
    "r200": {
        "tag_gs1": lambda: r200.notice(EPC, -55, 0x3400),
        "tag_e2_short_pc": lambda: r200.notice(bytes.fromhex("E200001D7315016521408FC6"), -60),
        "tag_e2": lambda: r200.notice(bytes.fromhex("E200471BB0006013044509D0"), -53, 0x3400),
        "no_tag": lambda: r200.R200(list).receive(capture("r200")["single"]),
        "good_info": lambda: r200.R200(list).receive(capture("r200")["info_request"]),
        "power_done": lambda: r200.R200(list).receive(capture("r200")["power_20_dbm"]),
    },
    "llrp": {
        "report_a": lambda: llrp.report(7, [llrp.Seen(bytes.fromhex("3000ABCDEF00000000000003"), 1, -48, 1594174805140192)]),
        "report_b": lambda: llrp.report(7, [llrp.Seen(bytes.fromhex("301430A55C0AC40000000000"), 1, -68, 1594174805151008)]),
        "welcome": llrp.greeting,
    },
    "uhfreader18": {
        "no_tag": lambda: uhf("ask_inventory"),
        "single_tag": lambda: _after(uhfreader18.UhfReader18(lambda: [UHF_EPC], read_rate=1.0), uhfreader18.frame(0, b"\x0f")),
        "report": lambda: uhfreader18.frame(0, bytes.fromhex("EE 00 20 00 70 8C 2B 38 0B 2D 00 00 00 00")),
    },
    "modbus": {
        "four_answered": lambda: registers("four_asked", 1000, -100),
        "illegal_answered": lambda: registers("illegal_asked", 1),
        "temperature_warm": lambda: climate("temperature_asked", 30.5),
        "temperature_cold": lambda: climate("temperature_asked", -20.5),
        "pair_answered": lambda: climate("pair_asked", 30.5),
    },
    "ds18b20": {
        "warm": lambda: kernel(23.125),
        "cool": lambda: kernel(22.9375),
        "cold": lambda: kernel(-26.125),
        "power_up": lambda: kernel(85.0),
        "under_power": lambda: kernel(127.9375),
        "below_range": lambda: kernel(-62.5),
        "all_zero": lambda: ds18b20.w1_slave(bytes(9)),
        "all_ones": lambda: after_a_good_one("ff" * 9),
        "stale": lambda: after_a_good_one("72 01 4b 46 7f ff 0e 10 59"),
    },
    "rdm6300": {
        "card_6547886": lambda: rdm6300.card_frame("010063E9AE"),
        "card_8844356": lambda: rdm6300.card_frame("100086F444"),
    },
    "wiegand": {"card_7041": lambda: bits(212, 7041), "card_4095": lambda: bits(101, 4095)},
    "gm65": {"acknowledged": lambda: gm65.Gm65().receive(capture("gm65")["trigger"])},
    "shelf_board": {"samples": lambda: shelf_board.samples(7, 1_000_000, {0: 84213, 1: -1})},
    "epc": {
        "sgtin_96": lambda: sgtin96("80614141123458", 6789, prefix_digits=7, point_of_sale=3),
        "module": lambda: sgtin96("04717276945640", 21002259824, prefix_digits=7, point_of_sale=3),
        "partition_0": lambda: sgtin96("00846632286210", 110, prefix_digits=12, point_of_sale=1),
        "partition_6": lambda: sgtin96("03583788437796", 10000, prefix_digits=6, point_of_sale=1),
    },
    "hx711": {name: lambda name=name: board_says(name) for name in capture("hx711")},  # type: ignore[misc]
}

UNDERSTOOD: dict[str, dict[str, Callable[[bytes], bool]]] = {
    "stream": {"nci_request": lambda asked: nci(100.0, asked).startswith(b"\n0000.100KG")},
    "r200": {
        "single": lambda asked: r200.R200(list).receive(asked) == capture("r200")["no_tag"],
        "multi_10000": lambda asked: _after(r200.R200(list), asked).count(capture("r200")["no_tag"]) > 1,
        "stop": lambda asked: r200.R200(list).receive(asked)[:3] == bytes.fromhex("BB 01 28"),
        "region_1": lambda asked: r200.R200(list).receive(asked)[:3] == bytes.fromhex("BB 01 07"),
        "power_20_dbm": lambda asked: r200.R200(list).receive(asked) == capture("r200")["power_done"],
        "info_request": lambda asked: r200.R200(list).receive(asked) == capture("r200")["good_info"],
    },
    "uhfreader18": {
        "ask_inventory": lambda _: uhf("ask_inventory", UHF_EPC).count(UHF_EPC) == 1,
        "ask_inventory_q2": lambda _: uhf("ask_inventory_q2", UHF_EPC).count(UHF_EPC) == 1,
        "ask_info": lambda _: uhf("ask_info")[2:4] == b"\x21\x00",
    },
    "modbus": {
        **{
            f"channel_{number}": lambda _, number=number: registers(f"channel_{number}", 1, 2, 3, 4, 5)[3:7] == bytes([0, 0, 0, number])  # type: ignore[misc]
            for number in range(1, 6)
        },
        "four_asked": lambda _: registers("four_asked", 1000, -100) == capture("modbus")["four_answered"],
        "illegal_asked": lambda _: registers("illegal_asked", 1) == capture("modbus")["illegal_answered"],
        "temperature_asked": lambda _: climate("temperature_asked", 30.5) == capture("modbus")["temperature_warm"],
        "pair_asked": lambda _: climate("pair_asked", 30.5) == capture("modbus")["pair_answered"],
    },
    "gm65": {
        "trigger": lambda asked: gm65.Gm65().receive(asked) == capture("gm65")["acknowledged"],
        "save": lambda asked: gm65.Gm65().receive(asked) == capture("gm65")["acknowledged"],
        "set_9600": lambda asked: gm65.Gm65().receive(asked) == capture("gm65")["acknowledged"],
        "read_baud": lambda asked: gm65.Gm65().receive(asked) == gm65.reply(b"\x39\x01"),
    },
    "shelf_board": {
        "hello_request": lambda asked: shelf_board.ShelfBoard([Steady()] * 2).receive(asked)[:4] == bytes.fromhex("A5 5A 01 01"),
        "configure": lambda asked: shelf_board.ShelfBoard([Steady()] * 2).receive(asked)[:7] == bytes.fromhex("A5 5A 01 04 01 00 00"),
    },
}

NOT_OURS: dict[str, str] = {
    "mt_sics transmission": "a pseudo-terminal does not err in transmission",
    "mt_sics logical": "the simulated balance knows no parameter that is out of range for every command",
    "stream ad_count": "the simulated scale does not count pieces",
    "stream ad_kilograms": "it shows grams",
    "stream ad_net": "it has no tare of its own",
    "stream ad_gross": "it has three decimals",
    "stream ad_net_whole": "it has no tare of its own",
    "stream ad_tare": "it has no tare of its own",
    "stream ad_unstable": "it has three decimals",
    "stream cas_negative": "it has no tare of its own",
    "stream nci_weight": "it weighs in kilograms",
    "stream nci_over": "its plate that is overloaded is not at zero, which is another bit",
    "r200 bad_info": "wrong in the wild: good_info is what the firmware says",
    "modbus one_asked": "of another instrument; for the checksum",
    "modbus one_answered": "of another instrument; for the checksum",
    "modbus write_asked": "of another instrument; for the checksum",
    "modbus write_answered": "of another instrument; for the checksum",
    "ds18b20 hot": "nothing in a store has 85 degrees",
    "ds18b20 false_yes": "no kernel says it",
    "ds18b20 empty": "a file that is being taken away",
    "ds18b20 cut_short": "a file that is being taken away",
    "ds18b20 not_hex": "no kernel says it",
    "ds18b20 minus": "no kernel says it",
    "ds18b20 plus": "no kernel says it",
    "epc sgtin_198": "the simulated tags are SGTIN-96",
    "epc llrp": "a number of the capture, without a prefix that is known",
    "epc partition_7": "to be rejected",
    "epc factory": "no number of goods",
}
ELSEWHERE = {
    "ble": "no driver speaks it",
    "osdp": "the simulated device is libosdp's own",
    "osdp_channel": "libosdp's device is held to it in tests/drivers/test_osdp_channel.py",
    "pn532": "no driver speaks it",
}
EVERY = [(path.stem, name) for path in sorted(CAPTURES.glob("*.txt")) for name in capture(path.stem)]


@pytest.mark.parametrize(("file", "name"), [(file, name) for file, vectors in SAID.items() for name in vectors])
def test_what_was_captured_is_what_the_firmware_says(file: str, name: str) -> None:
    assert SAID[file][name]() == capture(file)[name]


@pytest.mark.parametrize(("file", "name"), [(file, name) for file, vectors in UNDERSTOOD.items() for name in vectors])
def test_what_was_captured_is_understood_by_the_firmware(file: str, name: str) -> None:
    assert UNDERSTOOD[file][name](capture(file)[name])


def test_every_vector_is_said_or_understood_or_has_a_reason_why_not() -> None:
    ours = {(file, name) for table in (SAID, UNDERSTOOD) for file, vectors in table.items() for name in vectors}
    reasons = {tuple(key.split()) for key in NOT_OURS}
    every = {(file, name) for file, name in EVERY if file not in ELSEWHERE}
    assert ours & reasons == set()
    assert ours | reasons == every

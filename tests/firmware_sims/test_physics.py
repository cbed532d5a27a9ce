"""What simulated plates, fridges, doors and goods do is what real ones do."""

from __future__ import annotations

import csv
import statistics
from itertools import pairwise
from pathlib import Path

import pytest

from firmware_sims.door import Door
from firmware_sims.ds18b20 import Ds18b20, scratchpad, w1_slave
from firmware_sims.epc import sgtin96
from firmware_sims.goods import Cellar, Impossible, Place, Product
from firmware_sims.physics import QUIET, Fridge, Plate, PlateNature
from firmware_sims.rdm6300 import card_frame

RECORDING = Path(__file__).parents[1] / "data" / "coffee_pot_2019-12-18_a.csv"
FAR_G = 30.0


def spikes(grams: list[float]) -> list[float]:
    """How far single samples are from the median of their neighbours, where that is far."""
    medians = [statistics.median(grams[at - 2 : at + 3]) for at in range(2, len(grams) - 2)]
    return [value - median for value, median in zip(grams[2:-2], medians, strict=True) if abs(value - median) > FAR_G]


def noise_mad(grams: list[float]) -> float:
    """Median absolute deviation of the noise, from differences of neighbours so that drift does not count."""
    steps = [after - before for before, after in pairwise(grams)]
    return statistics.median([abs(step) for step in steps]) / 2**0.5


def test_a_quiet_plate_is_as_noisy_and_as_wild_as_the_recorded_one() -> None:
    with RECORDING.open(encoding="utf-8") as file:
        recorded = [float(row[1]) for row in csv.reader(file)]
    plate = Plate(1)
    plate.rest(3150.0)
    simulated = [plate.sample(0.1) for _ in range(len(recorded))]
    assert noise_mad(recorded) < noise_mad(simulated) < 2 * noise_mad(recorded)
    assert len(spikes(simulated)) == pytest.approx(len(spikes(recorded)), rel=0.35)
    assert abs(simulated[-1] - simulated[0]) < 15


def test_the_same_seed_feels_the_same_and_another_one_something_else() -> None:
    feelings = []
    for seed in (1, 1, 2):
        plate = Plate(seed)
        plate.put(100.0)
        feelings.append([plate.sample(0.1) for _ in range(50)])
    assert feelings[0] == feelings[1] != feelings[2]


@pytest.mark.parametrize("dt", [0.1, 1 / 80])
def test_a_bottle_put_down_overshoots_and_settles_at_its_weight_within_a_second(dt: float) -> None:
    plate = Plate(3, QUIET)
    plate.put(1200.0)
    felt = [plate.sample(dt) for _ in range(round(2 / dt))]
    assert max(felt) > 1210.0
    assert all(abs(grams - 1200.0) < 1.0 for grams in felt[round(1.2 / dt) :])


def test_a_bottle_taken_leaves_nothing_behind() -> None:
    plate = Plate(3, QUIET)
    plate.rest(5000.0)
    plate.take(1200.0)
    assert plate.grams == 3800.0
    assert [plate.sample(0.1) for _ in range(30)][-1] == pytest.approx(3800.0, abs=0.01)


def test_a_hand_that_leans_presses_only_as_long_as_it_leans() -> None:
    plate = Plate(3, QUIET)
    plate.lean(2000.0, 1.0)
    felt = [plate.sample(0.1) for _ in range(30)]
    assert felt[8] > 1500.0
    assert felt[-1] == pytest.approx(0.0, abs=0.01)


def test_a_load_creeps_by_three_hundredths_of_a_percent_in_half_an_hour() -> None:
    plate = Plate(3, PlateNature(noise_mad_g=0, glitch_rate=0, drift_sd_g=0))
    plate.put(10_000.0)
    felt = [plate.sample(0.1) for _ in range(18_000)]
    assert felt[-1] - 10_000.0 == pytest.approx(3.0 * 0.95, abs=0.1)


def test_a_slammed_door_shakes_a_plate_for_less_than_a_second() -> None:
    plate = Plate(3, QUIET)
    plate.shake(60.0)
    felt = [plate.sample(1 / 80) for _ in range(160)]
    assert max(abs(grams) for grams in felt[:8]) > 20.0
    assert max(abs(grams) for grams in felt[120:]) < 1.0


def test_a_stuck_cell_says_the_same_for_ever() -> None:
    plate = Plate(3)
    before = plate.sample(0.1)
    plate.stuck = True
    plate.put(500.0)
    assert {plate.sample(0.1) for _ in range(20)} == {before}


def test_a_fridge_cycles_about_its_setting_and_warms_while_its_door_is_open() -> None:
    fridge = Fridge(set_celsius=8.0)
    day = []
    for _ in range(6 * 3600):
        fridge.tick(1.0, door_open=False)
        day.append((fridge.celsius, fridge.running))
    assert 6.5 < min(celsius for celsius, _ in day) < max(celsius for celsius, _ in day) < 9.5
    assert {running for _, running in day} == {True, False}
    for _ in range(120):
        fridge.tick(1.0, door_open=True)
    assert fridge.celsius > 11.0


def test_a_fridge_without_compressor_warms_up_and_one_that_is_held_stays() -> None:
    fridge = Fridge(set_celsius=8.0)
    fridge.broken = True
    for _ in range(4 * 3600):
        fridge.tick(1.0, door_open=False)
    assert fridge.celsius > 9.5
    fridge.hold(20.0, 60.0)
    fridge.tick(30.0, door_open=False)
    assert fridge.celsius == 20.0


class TestDoor:
    def settle(self, door: Door) -> None:
        for _ in range(10):
            door.tick(0.02)

    def test_a_locked_door_does_not_open_until_the_bolt_has_travelled(self) -> None:
        door = Door()
        assert not door.pull()
        door.energised = True
        door.tick(0.02)
        assert not door.pull()
        self.settle(door)
        assert door.pull()

    def test_a_spring_bolt_holds_again_when_the_door_closes(self) -> None:
        door = Door()
        door.energised = True
        self.settle(door)
        door.pull()
        door.energised = False
        self.settle(door)
        assert door.pull()
        door.close()
        assert not door.pull()

    def test_a_magnet_lets_go_when_the_fire_contact_cuts_its_power(self) -> None:
        door = Door("safe")
        self.settle(door)
        assert not door.pull()
        door.powered = False
        self.settle(door)
        assert door.pull()

    def test_the_exit_button_opens_whatever_the_relay_says_and_only_while_it_is_held(self) -> None:
        door = Door()
        door.exit_pressed_s = 0.5
        self.settle(door)
        assert not door.bolt_out
        for _ in range(50):
            door.tick(0.02)
        assert door.bolt_out

    def test_a_jammed_bolt_stays_and_force_opens_all_the_same(self) -> None:
        door = Door()
        door.jammed = True
        door.energised = True
        self.settle(door)
        assert not door.pull()
        door.force()
        assert door.open
        assert door.bolt_out


class TestProbe:
    @pytest.mark.parametrize(
        ("celsius", "text"),
        [
            (23.125, "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"),
            (22.9375, "6f 01 4b 46 7f ff 01 10 67 : crc=67 YES\n6f 01 4b 46 7f ff 01 10 67 t=22937\n"),
            (85.0, "50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000\n"),
            (-26.125, "5e fe 4b 46 7f ff 02 10 8b : crc=8b YES\n5e fe 4b 46 7f ff 02 10 8b t=-26125\n"),
        ],
    )
    def test_the_text_is_the_kernels(self, celsius: float, text: str) -> None:
        assert w1_slave(scratchpad(celsius)) == text.encode()

    def test_all_ones_are_a_wrong_checksum_and_all_zeros_a_right_one(self) -> None:
        assert w1_slave(b"\xff" * 9).splitlines()[0].endswith(b"crc=c9 NO")
        assert w1_slave(bytes(9)).splitlines()[0].endswith(b"crc=00 YES")

    def test_it_says_85_at_power_up_and_only_changes_afterwards(self) -> None:
        probe = Ds18b20(lambda: 8.0)
        assert probe.receive(b"").endswith(b"t=85000\n")
        assert probe.tick(0.5).endswith(b"t=8000\n")
        assert probe.tick(0.5) == b""

    def test_with_a_wrong_checksum_the_last_good_value_stays(self) -> None:
        now = [8.0]
        probe = Ds18b20(lambda: now[0])
        probe.tick(0.5)
        now[0] = 30.0
        probe.trouble = "crc"
        first, second = probe.tick(0.5).splitlines()
        assert first.endswith(b"NO")
        assert second.endswith(b"t=8000")


@pytest.mark.parametrize(
    ("gtin", "digits", "serial", "sale", "epc"),
    [
        ("80614141123458", 7, 6789, 3, "3074257BF7194E4000001A85"),
        ("00846632286210", 12, 110, 1, "30204ED9496334000000006E"),
        ("03583788437796", 6, 10000, 1, "30395DFA833800C000002710"),
        ("04717276945640", 7, 21002259824, 3, "30751FEB705C5904E3D50D70"),
    ],
)
def test_an_epc_is_what_others_make_of_the_same_number(gtin: str, digits: int, serial: int, sale: int, epc: str) -> None:
    assert sgtin96(gtin, serial, prefix_digits=digits, point_of_sale=sale).hex().upper() == epc


def test_a_card_frame_is_what_was_captured() -> None:
    assert card_frame("010063E9AE") == b"\x02010063E9AE25\x03"
    assert card_frame("100086F444") == b"\x02100086F44426\x03"


class TestGoods:
    def place(self) -> tuple[Cellar, Place]:
        wine = Product("00000000000017", "Wine", 1200.0, 8.0, 900, tagged=True)
        cellar = Cellar({wine.gtin: wine}, seed=1)
        return cellar, Place("A1", "fridge", [wine.gtin], 12, Plate(1, QUIET), 1)

    def test_bottles_differ_within_the_spread_of_their_product_and_each_has_its_own_tag(self) -> None:
        cellar, _ = self.place()
        bottles = [cellar.bring("00000000000017") for _ in range(500)]
        assert statistics.stdev([bottle.grams for bottle in bottles]) == pytest.approx(8.0, rel=0.15)
        assert len({bottle.epc for bottle in bottles}) == 500

    def test_the_bottle_put_back_is_the_bottle_that_was_taken(self) -> None:
        cellar, place = self.place()
        place.fill([cellar.bring("00000000000017") for _ in range(3)])
        before = place.plate.grams
        bottles = place.take(1, None)
        assert place.plate.grams == pytest.approx(before - bottles[0].grams, abs=2.0)
        place.put(bottles)
        assert place.plate.grams == pytest.approx(before, abs=3.0)
        assert place.items[-1] is bottles[0]

    def test_more_than_there_is_cannot_be_taken(self) -> None:
        _, place = self.place()
        with pytest.raises(Impossible, match="only 0"):
            place.take(1, None)

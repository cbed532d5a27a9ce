"""What is allowed and probably not meant is told, and a good store hears nothing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from device.config import load
from device.config.configuration import Configuration
from device.config.lint import is_loopback, lint
from device.config.planogram import confusions, proposals, worst_confusion
from device.config.reach import straddles
from device.domain.layout import Slot
from device.domain.products import Product
from tests.config.sample import written

EXAMPLES = Path(__file__).parent.parent.parent / "config"


def advice(path: Path, root: Path = Path("/nowhere")) -> list[str]:
    return [str(line) for line in lint(load(path), root)]


def bottle(gtin: str, grams: float, grams_sd: float, tagged: bool = False) -> Product:
    return Product(gtin, gtin, grams, grams_sd, 100, tagged=tagged)


@pytest.mark.parametrize("example", ["cabinet", "shop", "minibar"])
def test_the_examples_give_no_cause_for_advice(example: str) -> None:
    assert advice(EXAMPLES / f"{example}.toml") == []


SOUND = ("channels = 2\ncounts_per_gram = [429.5, 430.0]", "channels = 1\ncounts_per_gram = 429.5")


def test_the_sample_gives_none_once_its_idle_plate_is_gone(tmp_path: Path) -> None:
    assert advice(written(tmp_path, SOUND)) == []
    assert advice(written(tmp_path)) == ["scale[1]: scale board has no slot on channel 2"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("mqtt://127.0.0.1", "mqtt://192.0.2.9", "mqtt.url: everybody on the way can read"),
        (
            '1883"\n\n[access]',
            '1883"\n\n[access]\nsigned_commands = false',
            None,
        ),
        (
            '127.0.0.1:1883"\n\n[access]',
            '192.0.2.9:1883"\n\n[access]\nsigned_commands = false',
            "access.signed_commands: whoever reaches the broker can open the doors",
        ),
        ('command_keys = ["backend.pub.pem"]\n', "", "access.command_keys: without a key every command is refused"),
        ('entry_keys = ["backend.pub.pem"]\n', "", "access.entry_keys: without a key or cards nobody is let in"),
        ('entry_keys = ["backend.pub.pem"]\n', "", "goods with an age limit cannot be sold, e.g. Chianti 75 cl"),
        ("[catalogue]", '[clock]\ntrust = "always"\n[catalogue]', "clock.trust: "),
        ('["room", "fridge"]', '["room"]', "zone fridge has no fire input"),
        ('inside = "room"\n', "", "zone fridge has no reader: its door opens by command only"),
        ('direction = "out"', 'direction = "in"', "room room has no reader out"),
        ("counts_per_gram = 429.5\n", "", "scale board has to be calibrated before it weighs"),
        ('ttyPLATE"', 'ttyPLATE"\ncapacity_g = 10000', "slot A1: 12 × Chianti 75 cl weigh 15.0 kg, over the 10 kg of scale plate"),
        ("max_celsius = 12.0", "max_celsius = 30.0", "slot B1: Chianti 75 cl keeps to 25 °C, its zone to 30 °C"),
        ("contact = 27", "contact = 4", "thermometer: pin 4 is in use"),
    ],
)
def test_what_is_probably_not_meant_is_told(old: str, new: str, told: str | None, tmp_path: Path) -> None:
    said = advice(written(tmp_path, SOUND, (old, new)))
    assert (told is None and not said) or any(told is not None and told in line for line in said), said


@pytest.mark.parametrize(("url", "near"), [("mqtt://127.0.0.2", True), ("mqtt://[::1]:1883", True), ("mqtt://localhost", True)])
def test_a_broker_of_this_machine_is_near(url: str, near: bool) -> None:
    assert is_loopback(url) is near
    assert not is_loopback(url.replace("127.", "192.").replace("::1", "2001:db8::1").replace("localhost", "broker.example"))


@pytest.mark.parametrize(
    ("model", "settings", "warned"),
    [
        ("Raspberry Pi 5 Model B", "", True),
        ("Raspberry Pi 5 Model B", "dtparam=strict_gpiod\n", False),
        ("Raspberry Pi 5 Model B", "[all]\ndtparam=i2c_arm=on,strict_gpiod\n", False),
        ("Raspberry Pi 5 Model B", "#dtparam=strict_gpiod\n", True),
        ("Raspberry Pi 5 Model B", "dtparam=strict_gpiod=off\n", True),
        ("Some PC", "", False),
    ],
)
def test_a_pin_that_outlives_the_program_is_told_on_a_pi(model: str, settings: str, warned: bool, tmp_path: Path) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text(model + "\0")
    (tmp_path / "boot/firmware").mkdir(parents=True)
    (tmp_path / "boot/firmware/config.txt").write_text(settings)
    said = advice(written(tmp_path, SOUND), tmp_path)
    assert any("dtparam=strict_gpiod" in line for line in said) is warned


def test_two_labels_of_nearly_one_weight_are_told_with_their_probability(tmp_path: Path) -> None:
    listed = "gtin,name,grams,grams_sd,price_minor\n9520000001018,Chianti,1248,6,1\n9520000001025,Tempranillo,1253,6,1\n"
    (found,) = [line for line in advice(written(tmp_path, SOUND, products=listed)) if "slot B1" in line]
    assert "weight cannot tell Chianti (1248 ± 6.0 g) and Tempranillo (1253 ± 6.0 g) apart" in found


def test_the_probability_is_that_of_two_normal_curves() -> None:
    slot = Slot(id="A", scale="s", products=("9520000001018",), capacity=1)
    found = worst_confusion(slot, bottle("a", 1000, 3), bottle("b", 1012, 3))
    items, mean, noise, corner, span = 3, 3 * math.sqrt(0.1 + 0.5**2), 0.5, 0.5, 0.0005 * 1006
    spread = math.hypot(items, mean, noise, corner, span)
    assert found.probability == pytest.approx(0.5 * math.erfc(12 / (2 * spread) / math.sqrt(2)), rel=1e-3)


def test_several_of_one_may_look_like_one_of_another() -> None:
    slot = Slot(id="A", scale="s", products=("9520000001018",))
    found = worst_confusion(slot, bottle("half", 620, 3), bottle("whole", 1240, 5))
    assert (found.first_quantity, found.second_quantity) == (2, 1)
    assert found.probability == pytest.approx(0.13, abs=0.01), (
        "two are taken at once far less often than one: whoever always says one errs in an eighth"
    )


def shelf(tmp_path: Path, layout: dict[str, tuple[str, ...]], grams: dict[str, float], tagged: tuple[str, ...] = ()) -> Configuration:
    """A cabinet with so many slots: products by slot, weights by GTIN, spread 3 g each."""
    rows = "".join(f"{gtin},{name_of(gtin)},{weight},3,100,{'true' if gtin in tagged else 'false'}\n" for gtin, weight in grams.items())
    (tmp_path / "products.csv").write_text(f"gtin,name,grams,grams_sd,price_minor,tagged\n{rows}")
    lines = [
        '[store]\nid = "a"\nname = "A"\ntimezone = "UTC"\ncurrency = "EUR"\n[mqtt]\nurl = "mqtt://127.0.0.1"',
        '[catalogue]\nfile = "products.csv"\n[[zone]]\nid = "z"',
        '[[lock]]\nid = "lock"\nzone = "z"\ndriver = "modbus-relay"\nport = "serial:/dev/r"\nrelay = 0\ncontact = 0',
        f'[[scale]]\nid = "b"\nzone = "z"\ndriver = "modbus-loadcell"\nport = "serial:/dev/b"\nchannels = {len(layout)}',
        "counts_per_gram = 10.0",
    ]
    for number, (slot, gtins) in enumerate(layout.items(), start=1):
        lines.append(f'[[slot]]\nid = "{slot}"\nscale = "b"\nchannel = {number}\nproducts = {list(gtins)}'.replace("'", '"'))
    if tagged:
        lines.append('[[rfid]]\nid = "r"\nzone = "z"\ndriver = "r200"\nport = "serial:/dev/t"')
    (tmp_path / "store.toml").write_text("\n".join(lines))
    return load(tmp_path / "store.toml")


def name_of(gtin: str) -> str:
    return f"product {gtin[-4:]}"


A, B, C, D = "09520000001018", "09520000001025", "09520000001032", "09520000001049"


def test_neighbouring_plates_whose_products_weigh_the_same_are_told_for_what_stands_across_them(tmp_path: Path) -> None:
    alike = shelf(tmp_path, {"A1": (A,), "A2": (B,), "A3": (C,)}, {A: 1000.0, B: 1001.0, C: 1300.0})
    ((path, found),) = straddles(alike)
    assert (path, found.slot, found.other) == ("slot[1].products", "A1", "A2")
    assert found.probability == pytest.approx(0.02 * worst_confusion(Slot(id="A1", scale="b", products=(A, B), capacity=1),
        bottle("a", 1000, 3), bottle("b", 1001, 3)).probability)  # fmt: skip
    (line,) = [str(line) for line in lint(alike) if "stands across A1 and A2" in str(line)]
    assert f"wrong in {found.probability:.1%} of picks" in line


@pytest.mark.parametrize(
    ("slots", "grams", "tagged"),
    [
        ({"A1": ("A",), "A2": ("C",), "A3": ("B",)}, {"A": 1000.0, "B": 1001.0, "C": 1300.0}, ()),
        ({"A1": ("A",), "A2": ("A",)}, {"A": 1000.0}, ()),
        ({"A1": ("A",), "A2": ("B",)}, {"A": 1000.0, "B": 1001.0}, ("A",)),
        ({"A1": ("A",), "A2": ("B",)}, {"A": 1000.0, "B": 1060.0}, ()),
    ],
    ids=["apart", "one product", "tagged", "weights apart"],
)
def test_plates_apart_and_products_that_differ_are_not_told_of(
    slots: dict[str, tuple[str, ...]], grams: dict[str, float], tagged: tuple[str, ...], tmp_path: Path
) -> None:
    gtins = {"A": A, "B": B, "C": C}
    placed = {slot: tuple(gtins[name] for name in names) for slot, names in slots.items()}
    weights = {gtins[name]: weight for name, weight in grams.items()}
    assert list(straddles(shelf(tmp_path, placed, weights, tuple(gtins[name] for name in tagged)))) == []


def test_products_that_look_alike_are_proposed_to_change_places(tmp_path: Path) -> None:
    configuration = shelf(tmp_path, {"A1": (A, B), "A2": (C, D)}, {A: 1000.0, B: 1003.0, C: 1300.0, D: 1302.0})
    (proposal,) = proposals(configuration)
    assert proposal.before > 0.2
    assert proposal.after < 1e-6
    assert len(proposal.exchanges) == 1
    assert any("change places" in str(line) for line in lint(configuration))


def test_a_proposal_is_the_best_of_all_single_exchanges_and_the_same_twice(tmp_path: Path) -> None:
    grams = {A: 1000.0, B: 1004.0, C: 1009.0, D: 1016.0}
    one = proposals(shelf(tmp_path, {"A1": (A, B), "A2": (C, D)}, grams))
    assert one == proposals(shelf(tmp_path, {"A1": (A, B), "A2": (C, D)}, grams))
    worst = [
        max(
            worst_confusion(
                Slot(id="x", scale="b", products=pair), bottle("a", grams[pair[0]], 3), bottle("b", grams[pair[1]], 3)
            ).probability
            for pair in pairs
        )
        for pairs in (((C, B), (A, D)), ((D, B), (C, A)), ((A, C), (B, D)), ((A, D), (C, B)))
    ]
    assert one[0].after == pytest.approx(min(worst), rel=1e-9)


def test_where_nothing_can_be_bettered_nothing_is_proposed(tmp_path: Path) -> None:
    assert proposals(shelf(tmp_path, {"A1": (A, B), "A2": (C,)}, {A: 1000.0, B: 1000.0, C: 1000.0})) == []


def test_tags_make_an_exchange_needless(tmp_path: Path) -> None:
    assert proposals(shelf(tmp_path, {"A1": (A, B), "A2": (C, D)}, {A: 1000.0, B: 1003.0, C: 1300.0, D: 1302.0}, tagged=(A, C))) == []


def test_products_that_tags_tell_apart_are_not_told(tmp_path: Path) -> None:
    listed = "gtin,name,grams,grams_sd,price_minor,tagged\n9520000001018,A,1248,6,1,true\n9520000001025,B,1250,6,1,false\n"
    assert list(confusions(load(written(tmp_path, SOUND, products=listed)))) == []


def test_a_zone_that_accepts_doubt_hears_nothing(tmp_path: Path) -> None:
    listed = "gtin,name,grams,grams_sd,price_minor\n9520000001018,A,1248,6,1\n9520000001025,B,1250,6,1\n"
    path = written(tmp_path, SOUND, ("settle_s = 2.0", "review_below = 0.5"), products=listed)
    assert list(confusions(load(path))) == []

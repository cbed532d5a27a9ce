"""Rules of sale and special days as they are configured: what is a fault, and where it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.config import load
from device.errors import ConfigError
from tests.config.sample import PRODUCTS, written

EXAMPLES = Path(__file__).parents[2] / "config" / "jurisdictions"
WITH_CATEGORIES = PRODUCTS.replace("tagged\n", "tagged,category\n").replace("25,false\n", "25,false,wine\n").replace(",,,\n", ",,,,\n")
RULE = """
[[rule]]
name = "No wine at night"
source = "a law"
categories = ["wine"]
sales_hours = ["Mon-Sun 07:00-24:00"]
"""


def faults(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(path)
    return [str(fault) for fault in error.value.faults]


def store(folder: Path, rules: str = RULE, *, extra: str = "", products: str = WITH_CATEGORIES) -> Path:
    """A store with a file of rules beside it."""
    (folder / "law.toml").write_text(rules)
    return written(
        folder, ('currency = "EUR"', 'currency = "EUR"\njurisdiction = "law.toml"'), ("[[zone]]", f"{extra}\n[[zone]]"), products=products
    )


def test_the_rules_of_a_jurisdiction_follow_those_of_the_store(tmp_path: Path) -> None:
    own = '[[rule]]\nname = "House rule"\ncategories = ["wine"]\nage_limit = 21'
    found = load(store(tmp_path, extra=own))
    assert [rule.name for rule in found.layout.rule] == ["House rule", "No wine at night"]
    assert found.layout.store.jurisdiction == tmp_path / "law.toml"


def test_a_fault_in_a_rule_is_told_where_it_was_written(tmp_path: Path) -> None:
    own = '[[rule]]\nname = "House rule"\ncategories = []'
    told = faults(store(tmp_path, RULE.replace("07:00", "25:00"), extra=own))
    assert any(fault.startswith("rule[0].categories") for fault in told), told
    assert any(fault.startswith("law.toml: rule[0].sales_hours[0]") and "hour must be 0-24" in fault for fault in told), told


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("", "law.toml: rule: has no [[rule]]"),
        ("rule = 3", "law.toml: rule: has no [[rule]]"),
        (RULE + "[[rules]]", 'law.toml: rules: unknown key; did you mean "rule"?; a jurisdiction has [[rule]] tables only'),
        ("[[rule", "law.toml"),
    ],
)
def test_a_jurisdiction_that_says_nothing_is_a_fault(tmp_path: Path, rules: str, told: str) -> None:
    assert any(fault.startswith(told) for fault in faults(store(tmp_path, rules)))


def test_a_jurisdiction_that_is_not_there_is_a_fault_of_the_store(tmp_path: Path) -> None:
    path = store(tmp_path)
    (tmp_path / "law.toml").unlink()
    assert any(fault.startswith("store.jurisdiction") for fault in faults(path))


def test_a_product_with_an_age_limit_needs_a_category_where_there_are_rules(tmp_path: Path) -> None:
    (told,) = faults(store(tmp_path, products=PRODUCTS))
    assert told.startswith("product 09520000001018, category: is required of a product with an age limit")


def test_a_category_that_is_nearly_one_of_the_rules_is_a_fault(tmp_path: Path) -> None:
    (told,) = faults(store(tmp_path, products=WITH_CATEGORIES.replace(",wine", ",wines")))
    assert 'did you mean "wine"?' in told


def test_a_category_that_no_rule_is_about_is_none(tmp_path: Path) -> None:
    load(store(tmp_path, products=WITH_CATEGORIES.replace(",wine", ",cider")))


def test_a_slot_with_a_forbidden_product_is_a_fault_that_names_the_source(tmp_path: Path) -> None:
    told = faults(store(tmp_path, RULE + "forbidden = true"))
    assert told == [
        'slot[0].products[0]: "09520000001018": is not sold from here: No wine at night (a law)',
        'slot[1].products[0]: "09520000001018": is not sold from here: No wine at night (a law)',
    ]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('date = "12-25"', "special_day[0]: needs sales_hours or pickup_hours"),
        ('date = "25.12."\nsales_hours = []', 'special_day[0].date: "25.12."'),
        ('date = "12-25"\nsales_hours = ["10-12"]', 'special_day[0].sales_hours[0]: "10-12": HH:MM-HH:MM'),
        (
            'date = "12-25"\nzones = ["fidge"]\nsales_hours = []',
            'special_day[0].zones[0]: "fidge": no zone has this id; did you mean "fridge"?',
        ),
        (
            'date = "12-25"\nsales_hours = []\n[[special_day]]\ndate = "12-25"\nzones = ["fridge"]\nsales_hours = []',
            'special_day[1].date: "12-25": special_day[0] is about this date and zone "fridge" already',
        ),
    ],
)
def test_a_faulty_special_day_is_told(tmp_path: Path, table: str, told: str) -> None:
    found = faults(written(tmp_path, ("[[zone]]", f"[[special_day]]\n{table}\n\n[[zone]]")))
    assert any(fault.startswith(told) for fault in found), found


@pytest.mark.parametrize("country", sorted(path.stem for path in EXAMPLES.glob("*.toml")))
def test_every_example_of_a_jurisdiction_is_sound_and_names_its_sources(tmp_path: Path, country: str) -> None:
    found = load(store(tmp_path, (EXAMPLES / f"{country}.toml").read_text(), products=WITH_CATEGORIES.replace(",wine", ",beer")))
    assert found.layout.rule
    assert all(rule.source for rule in found.layout.rule)

"""The pages for whoever buys and wires: every driver has a section, and every line that may be pasted is a configuration."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from device.config import Configuration, load
from device.domain.readings import FaultReading
from device.drivers import DRIVERS
from device.sensing import trust

PAGES = Path(__file__).parents[2] / "docs" / "hardware"
KEY = "8A1F6B02C94D37E5A0B19C83D276F54E"
STORE = """
[store]
id = "page-01"
name = "Page"
timezone = "UTC"
currency = "EUR"
[mqtt]
url = "mqtt://127.0.0.1:1"
[catalogue]
file = "products.csv"
[[zone]]
id = "fridge"
"""
LOCK = '[[lock]]\nid = "the-lock"\nzone = "fridge"\ndriver = "modbus-relay"\nport = "serial:/dev/lock"\nrelay = 0\ncontact = 0\n'
ROWS = ("buy", "wire", "cannot", "traps", "see")

BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in sorted(PAGES.glob("*.md"))
    for number, block in enumerate(re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL), 1)
]


def sections() -> dict[str, str]:
    """The text under each heading of the second level, of all pages but the index."""
    found: dict[str, str] = {}
    for page in sorted(PAGES.glob("*.md")):
        if page.stem != "README":
            for text in page.read_text(encoding="utf-8").split("\n## ")[1:]:
                name, _, body = text.partition("\n")
                found[f"{page.stem}#{name}"] = body
    return found


def loaded(folder: Path, block: str, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """The block, completed to a store."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    (folder / "door.key").write_text(KEY)
    (folder / "products.csv").write_text("gtin,name,grams,grams_sd,price_minor\n09520000001018,Riesling,1250,6,1290\n")
    file = folder / "store.toml"
    file.write_text(STORE + ("" if "[[lock]]" in block else LOCK) + block)
    return load(file)


@pytest.mark.parametrize("block", BLOCKS)
def test_what_may_be_pasted_loads(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = loaded(tmp_path, block, monkeypatch).layout.devices
    assert {device.driver for device in devices} >= set(re.findall(r'^driver = "(.*)"', block, re.MULTILINE))


def test_every_driver_is_shown_with_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: set[tuple[str, str]] = set()
    for parameter in BLOCKS:
        (block,) = parameter.values
        layout = loaded(tmp_path, str(block), monkeypatch).layout
        for kind, _ in DRIVERS:
            shown |= {(kind, entry.driver) for entry in getattr(layout, kind) if entry.id != "the-lock"}
    assert shown == set(DRIVERS)


@pytest.mark.parametrize("name", sections())
def test_every_section_says_what_to_buy_how_to_wire_what_it_cannot_its_traps_and_how_to_see_it(name: str) -> None:
    told = re.findall(r"^\| ([a-z]+)[^|]*\|", sections()[name], re.MULTILINE)
    assert set(ROWS) <= set(told)


def test_the_index_leads_to_every_section_and_to_nothing_else() -> None:
    linked = set(re.findall(r"\(([a-z]+)\.md#([a-z0-9-]+)\)", (PAGES / "README.md").read_text(encoding="utf-8")))
    there = {tuple(name.split("#")) for name in sections()}
    assert linked <= there
    assert there - linked <= {("readers", "line"), ("readers", "wiegand")}, "these stand beside another"


def test_no_link_of_a_page_leads_nowhere() -> None:
    for page in PAGES.glob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_word_for_what_is_wrong_is_explained() -> None:
    page = (PAGES / "README.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`([a-z_]+)`", "".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))))
    words = set(re.findall(r"``([a-z_]+)``", f"{trust.__doc__} {(FaultReading.__doc__ or '').partition('is one of')[2]}"))
    assert words - {"channel", "lost"} <= explained, "lost is told as device.lost"

"""The page in a real browser: what is read on it, that it is live, and that it never passes off old for new."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import pytest

from device.domain import events
from device.domain.events import Event
from device.store.memory.state import Alarm
from device.web.picture import SHOWN
from tests.web.browser import Browser
from tests.web.fed import BOTH, DEVICE, GIN, LAYOUT, PULSE, SLOT, WINE, ZONE, furnished, journalled, products, served

CSS = Path(__file__).parents[2] / "device" / "web" / "page" / "page.css"

STARTED = events.SessionStarted("s1", "fridge", "shop", "anna", None)
TAKEN = events.ItemTaken("s1", "A1", WINE, 2, 2500.0, 1.0, 0.999, (), (), None, 1290, None)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with Browser(tmp_path) as browser:
        yield browser
        assert browser.faults == []


def url(port: int | None) -> str:
    return f"http://127.0.0.1:{port}/"


LIVE = "document.body.dataset.link === 'live'"
LOST = "document.body.dataset.link === 'lost'"


async def test_the_store_is_there_to_read(browser: Browser) -> None:
    async with served() as page:
        await browser.open(url(page.port))
        await browser.until(LIVE)
        text = await browser.text()
        for words in (
            "The little cellar", "Simulated devices", "All is well", "connected", "White wines", "Closed", "Locked", "commanded and seen",
            "8.3 °C", "4 to 12 °C is right", "Riesling 75 cl", "of 12", "11,250 g", "Gin 70 cl", "not counted", "not trusted",
            "Nothing can be commanded from it", "all 1 are well",
        ):  # fmt: skip
            assert words in text
        assert await browser.value("document.title") == "The little cellar"
        assert await browser.value("performance.getEntriesByType('resource').every((entry) => entry.name.startsWith(location.origin))")


async def test_what_happens_is_shown_as_it_happens(browser: Browser) -> None:
    async with served() as page:
        picture = page.picture
        await browser.open(url(page.port))
        await browser.until(LIVE)
        await browser.value("window.loadedOnce = true")
        picture.event(journalled(STARTED))
        picture.level("zone/fridge", ZONE | {"door": "open", "session": "s1", "purpose": "shop", "lock_commanded": "unlocked"})
        await browser.until("document.querySelector('.basket')?.innerText.includes('Nothing taken yet')")
        assert "but commanded unlocked" in await browser.text(".facts")
        picture.telemetry("board", {"grams": [8750.0, None], "moving": [True, False]})
        await browser.until("document.querySelector('.slot').innerText.includes('moving')")
        assert "8,750 g" in await browser.text(".slot")
        picture.event(journalled(TAKEN))
        picture.level("slot/A1", SLOT | {"count": 7, "counts": {WINE: 7}})
        await browser.until("document.querySelector('.basket')?.innerText.includes('25.80 EUR')")
        await browser.until("document.querySelector('.count').innerText === '7'")
        assert (await browser.text("#events li")).endswith("2 × Riesling 75 cl taken from A1")
        ended = events.SessionEnded("s1", "fridge", "shop", "anna", "door_closed", (), 0, "EUR", False, (), "", 9.0)
        picture.event(journalled(ended))
        picture.level("zone/fridge", ZONE)
        await browser.until("!document.querySelector('.basket')")
        assert await browser.value("window.loadedOnce")
        assert "anna" not in await browser.value("document.documentElement.outerHTML")


async def test_what_is_wrong_stands_first(browser: Browser) -> None:
    async with served() as page:
        picture = page.picture
        picture.alarms(
            [Alarm("a1", "too_warm", "fridge", "fridge", {"celsius": 13.0, "limit": 12.0}), Alarm("a2", "clock_untrusted", None, "s", {})]
        )
        picture.level("zone/fridge", ZONE | {"celsius": 13.0, "sales": "stopped", "reasons": ["too_warm", "Inventur"]})
        picture.level("slot/A1", SLOT | {"count": 0, "counts": {WINE: 0}, "low": True})
        picture.level("slot/A2", BOTH | {"counts": {WINE: 3, GIN: None, "00000000000000": 1}})
        picture.level("device/board", DEVICE | {"state": "lost", "reason": "cable pulled"})
        await browser.open(url(page.port))
        await browser.until(LIVE)
        assert await browser.text("#verdict") == "2 things need attention"
        assert "It is too warm: 13.0 °C, the limit is 12 °C" in await browser.text("#attention")
        assert "Stopped\nit has been too warm for food, Inventur" in await browser.text(".facts")
        assert "empty" in await browser.text(".slot")
        assert "product 00000000000000 does not belong here" in await browser.text(".slots")
        assert "cable pulled, last heard 13:00:00" in await browser.text("#devices")
        assert await browser.value("document.title") == "(2) The little cellar"
        picture.alarms([])
        await browser.until("document.getElementById('attention').hidden")


async def test_a_page_that_has_lost_the_store_says_so_and_finds_it_again(browser: Browser) -> None:
    async with served() as page:
        port = page.port
        await browser.open(url(port))
        await browser.until(LIVE)
        assert await browser.value("document.getElementById('lost').hidden")
    await browser.until(LOST)
    await browser.until("/What you see is [0-9]+ s old/.test(document.getElementById('lost').innerText)")
    assert "No word from the store." in await browser.text("#lost")
    assert "Live" not in await browser.text("header")
    assert await browser.value("document.title") == "No word – The little cellar"
    assert await browser.value("getComputedStyle(document.querySelector('main')).filter") == "grayscale(1)"
    assert float(await browser.value("getComputedStyle(document.querySelector('main')).opacity")) < 0.5
    async with served(listen=f"127.0.0.1:{port}") as page:
        page.picture.level("slot/A1", SLOT | {"count": 4, "counts": {WINE: 4}})
        await browser.until(LIVE)
        await browser.until("document.querySelector('.count').innerText === '4'")
        assert await browser.value("document.getElementById('lost').hidden")
    browser.faults.clear()  # refused connections


async def test_a_store_that_is_connected_and_silent_is_lost_all_the_same(browser: Browser) -> None:
    async with served(beats=False) as page:
        await browser.open(url(page.port))
        await browser.until(LIVE)
        await browser.until(LOST)
        page.picture.pulse(PULSE)
        await browser.until(LIVE)


async def test_a_page_that_is_turned_away_comes_again(browser: Browser) -> None:
    async with served() as page:
        await browser.open(url(page.port))
        await browser.until(LIVE)
        await browser.value("window.before = source; source.close(); refused = true")
        await browser.until(f"source !== before && source.readyState === EventSource.OPEN && {LIVE}")


async def test_names_are_text_whatever_they_look_like(browser: Browser) -> None:
    nasty = "<img src=x onerror=document.title='gone'><script>document.title='gone'</script>\u202e&amp;"
    layout = LAYOUT.model_copy(update={"store": LAYOUT.store.model_copy(update={"name": nasty})})
    picture = furnished(layout, products(wine=nasty, gin="__proto__"))
    picture.event(journalled(STARTED))
    picture.event(journalled(TAKEN))
    picture.event(journalled(events.DeviceLostEvent(nasty, "scale", nasty)))
    picture.level("zone/fridge", ZONE | {"session": "s1", "purpose": "shop", "reasons": [nasty], "sales": "stopped"})
    picture.level("device/board", DEVICE | {"firmware": nasty, "reason": nasty})
    async with served(picture) as page:
        await browser.open(url(page.port))
        await browser.until(LIVE)
        assert await browser.value("document.querySelectorAll('img, body script').length") == 0
        assert await browser.text("h1") == nasty
        assert nasty in await browser.text(".products")
        assert "__proto__" in await browser.text(".slots")
        assert await browser.value("document.title") == nasty


async def test_the_newest_event_comes_first_and_old_ones_go(browser: Browser) -> None:
    async with served() as page:
        await browser.open(url(page.port))
        await browser.until(LIVE)
        doors: list[Event] = [events.DoorClosed("fridge", "lock", None, float(number)) for number in range(SHOWN + 7)]
        for number, event in enumerate(doors):
            page.picture.event(journalled(event, seq=1000 + number))
        await browser.until(f"document.querySelectorAll('#events li').length === {SHOWN}")
        await browser.until(f"document.querySelector('#events li').innerText.endsWith('after {SHOWN + 6} s')")
        assert (await browser.value("document.querySelector('#events li:last-child').innerText")).endswith("after 7 s")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
async def test_it_fits_every_screen(browser: Browser, width: int) -> None:
    picture = furnished(catalogue=products(wine="Trockenbeerenauslese" * 3))
    picture.event(journalled(STARTED))
    picture.event(journalled(TAKEN))
    picture.level("zone/fridge", ZONE | {"session": "s1", "purpose": "shop"})
    async with served(picture) as page:
        await browser.open(url(page.port))
        await browser.until(LIVE)
        await browser.screenshot(width, 800)
        assert await browser.value("document.documentElement.scrollWidth") <= width
        await browser.value("document.getElementById('devicelist').open = true")
        assert await browser.value("document.documentElement.scrollWidth") <= width


async def test_it_can_be_used_without_a_mouse_and_without_eyes(browser: Browser) -> None:
    async with served() as page:
        page.picture.event(journalled(STARTED))
        await browser.open(url(page.port))
        await browser.until(LIVE)
        focused = []
        for _ in range(3):
            for kind in ("keyDown", "keyUp"):
                await browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
            focused.append(
                await browser.value("document.activeElement.className || document.activeElement.id || document.activeElement.localName")
            )
        assert focused == ["skip", "events", "summary"]
        for kind in ("keyDown", "keyUp"):
            await browser.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
        await browser.until("document.getElementById('devicelist').open")
        nodes = (await browser.call("Accessibility.getFullAXTree"))["nodes"]
        seen = {(node["role"]["value"], node.get("name", {}).get("value")) for node in nodes if not node["ignored"]}
        assert {
            ("heading", "The little cellar"),
            ("region", "White wines"),
            ("region", "What happened"),
            ("rowheader", "board scale, shelf-board, 1.2"),
        } <= seen
        assert await browser.value("document.getElementById('lost').getAttribute('role')") == "alert"
        assert await browser.value("document.getElementById('verdict').getAttribute('aria-live')") == "polite"


async def test_it_says_what_it_needs_where_scripts_are_off(browser: Browser) -> None:
    async with served() as page:
        await browser.call("Emulation.setScriptExecutionDisabled", value=True)
        await browser.call("Page.navigate", url=url(page.port))
        await browser.until("document.querySelector('noscript')?.innerText.includes('This page needs JavaScript.')")
        assert "state.json" in await browser.text()


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("scheme", "ink", "ground"),
    [
        *product(("light", "dark"), ("ink", "soft", "good", "warn", "bad", "link"), ("ground", "card")),
        *product(("light", "dark"), ("ink", "soft"), ("faint", "good-ground", "warn-ground", "bad-ground")),
        *((scheme, tone, f"{tone}-ground") for scheme, tone in product(("light", "dark"), ("good", "warn", "bad"))),
        ("light", "card", "bad"),
        ("dark", "card", "bad"),
    ],
)
def test_everything_can_be_read_against_its_ground(scheme: str, ink: str, ground: str) -> None:
    light, dark = re.findall(r":root \{(.*?)\}", CSS.read_text(), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light if scheme == "light" else dark))
    bright, dim = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5  # WCAG 2.2, 1.4.3

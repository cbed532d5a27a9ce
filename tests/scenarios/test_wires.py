"""Bad wires, one story each: what they do is counted and told, nothing is sold by them, and the store goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from device.engine.clock import uptime
from tests.scenarios.rig import COLA, GIN, RIESLING, Rig, cart, rig

LOST_WITHIN_S, BACK_WITHIN_S = 10.0, 15.0
"""CONTRACT 8: a cable pulled, a cable back."""
SCALES = ("plate-a", "plate-b", "board")
SLOT_OF = {"plate-a": "A", "plate-b": "B", "board": "C"}


def nothing_sold(store: Rig, after: int = 0) -> None:
    """No item moved and no count changed, as far as the store has told."""
    sold = store.stranger.told("session.item_taken", "session.item_returned", "stock.changed", "stock.misplaced", after=after)
    assert sold == []


async def after_unplugging(store: Rig, device: str) -> dict[str, Any]:
    """Pull a device's cable; its ``device.lost``, which comes in time."""
    after, pulled_at = store.stranger.latest, uptime()
    await store.hand.do("unplug", device=device)
    lost = await store.stranger.event("device.lost", after, device=device)
    assert float(lost["uptime"]) - pulled_at < 2 * LOST_WITHIN_S
    await store.stranger.level(f"device/{device}", state="lost")
    return lost


async def after_plugging(store: Rig, device: str) -> dict[str, Any]:
    """Put the cable back; its ``device.recovered``, which comes in time."""
    after, back_at = store.stranger.latest, uptime()
    await store.hand.do("plug", device=device)
    recovered = await store.stranger.event("device.recovered", after, device=device)
    assert float(recovered["uptime"]) - back_at < 2 * BACK_WITHIN_S
    await store.stranger.level(f"device/{device}", state="online")
    return recovered


@pytest.mark.timeout(240)
async def test_lines_full_of_babble_are_degraded_and_well_again_and_nothing_is_sold(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        ready = heard.latest
        for device in (*SCALES, "qr", "lock"):
            await store.hand.do("fault", device=device, kind="babble", for_s=8.0)
        for device in (*SCALES, "qr", "lock"):
            await heard.event("device.degraded", ready, device=device)
            await heard.level(f"device/{device}", state="degraded")
        for device in (*SCALES, "qr", "lock"):
            await heard.event("device.recovered", ready, within_s=60.0, device=device)
            level = await heard.level(f"device/{device}", state="online")
            assert level["noise"] >= 5
        nothing_sold(store, ready)
        assert heard.told("door.unlocked", "access.granted") == []
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


@pytest.mark.parametrize("kind", ["corrupt", "drop"])
async def test_flipped_and_missing_bytes_take_nothing_off_the_shelf(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await store.enter()
        entered = heard.latest
        for device in SCALES:
            await store.hand.do("fault", device=device, kind=kind, rate=0.03, for_s=8.0)
        for device in SCALES:
            await heard.event("device.degraded", entered, device=device)
        for device in SCALES:
            await store.hand.do("fault", device=device, kind="none")
        nothing_sold(store, entered)
        ended = await store.leave()
        assert cart(ended) == []
        nothing_sold(store, entered)


@pytest.mark.parametrize("kind", ["split", "merge", "delay"])
async def test_lines_that_cut_and_hold_back_bytes_still_sell(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path) as store:
        for device in (*SCALES, "qr"):
            crumbs = {"bytes": 40 if device == "qr" else 16} if kind == "split" else {}
            await store.hand.do("fault", device=device, kind=kind, **crumbs)
        ended = await store.buy("B")
        assert cart(ended) == [(GIN, 1)]
        assert store.stranger.told("device.lost", "device.degraded") == []


@pytest.mark.parametrize("device", ["plate-a", "board"])
async def test_a_scale_that_starts_anew_in_mid_session_makes_it_need_review(tmp_path: Path, device: str) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await store.enter()
        taken = await store.take(SLOT_OF[device])
        await store.hand.do("fault", device=device, kind="reboot")
        await heard.event("device.degraded", taken["seq"], device=device, reason="rebooted")
        await heard.event("device.recovered", taken["seq"], device=device)
        again = await store.take(SLOT_OF[device])
        ended = await store.leave()
        assert cart(ended) == [(taken["data"]["gtin"], 2)]
        assert ended["review_reasons"] == ["gap"]
        assert again["seq"] > taken["seq"]


async def test_a_scale_unplugged_in_mid_session_is_charged_for_what_went_meanwhile_with_review(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        await store.enter()
        await store.take("C")
        await after_unplugging(store, "plate-a")
        await store.stranger.level("slot/A", trusted=False)
        after = store.stranger.latest
        await store.hand.do("take", slot="A", count=2)
        await after_plugging(store, "plate-a")
        await store.stranger.event("session.item_taken", after, slot="A", quantity=2)
        ended = await store.leave()
        assert cart(ended) == [(COLA, 1), (RIESLING, 2)]
        assert ended["review_reasons"] == ["gap"]
        store.stranger.gapless()


async def test_what_goes_from_an_unplugged_scale_behind_a_closed_door_raises_an_alarm(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        await after_unplugging(store, "plate-a")
        await store.hand.do("take", slot="A", anyway=True)
        after = store.stranger.latest
        await after_plugging(store, "plate-a")
        alarm = await store.stranger.event("alarm.raised", after, kind="unexplained_removal")
        assert alarm["data"]["details"]["slot"] == "A"
        assert store.stranger.told("session.item_taken") == []


async def test_a_scale_that_hangs_is_lost_and_found(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        hung_at = uptime()
        await store.hand.do("fault", device="plate-a", kind="freeze")
        lost = await store.stranger.event("device.lost", device="plate-a")
        assert float(lost["uptime"]) - hung_at < 2 * LOST_WITHIN_S
        after, well_at = store.stranger.latest, uptime()
        await store.hand.do("fault", device="plate-a", kind="none")
        recovered = await store.stranger.event("device.recovered", after, device="plate-a")
        assert float(recovered["uptime"]) - well_at < 2 * BACK_WITHIN_S
        await store.ready()
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


async def test_a_reader_unplugged_and_back_reads_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        lost = await after_unplugging(store, "qr")
        assert (lost["data"]["kind"], lost["data"]["out_for_s"]) == ("reader", None)
        await after_plugging(store, "qr")
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


async def test_everything_unplugged_at_once_comes_back_and_sells(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        for device in (*SCALES, "qr", "lock"):
            await store.hand.do("unplug", device=device, for_s=1.0)
        for device in (*SCALES, "qr", "lock"):
            await store.stranger.event("device.lost", device=device)
            await store.stranger.event("device.recovered", device=device)
        await store.ready()
        nothing_sold(store, after=store.stranger.told("device.lost")[0]["seq"])
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


async def test_a_plate_that_is_mended_while_the_daemon_is_dead_ends_its_alarm(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await store.hand.do("fault", device="board", kind="stuck", channel=1)
        raised = await heard.event("alarm.raised", kind="sensor_untrusted")
        assert raised["data"]["details"]["slot"] == "C"
        await heard.level("slot/C", trusted=False)
        await store.kill_daemon()
        await store.hand.do("fault", device="board", kind="none")
        await store.start_daemon()
        cleared = await heard.event("alarm.cleared", kind="sensor_untrusted")
        assert cleared["data"]["alarm"] == raised["data"]["alarm"]
        await store.ready()
        assert cart(await store.buy("C")) == [(COLA, 1)]

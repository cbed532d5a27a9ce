"""Tags read by simulated R200 firmware, through the whole daemon: what left, by tag and weight, and how soon that is known."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from firmware_sims.epc import sgtin96
from tests.scenarios.rig import CONFIG, GIN, PRODUCTS, RIESLING, cart, rig

READER = """
[[rfid]]
id = "tags"
zone = "fridge"
driver = "r200"
port = "serial:/dev/rig-tags?baud=115200"
"""

TAGGED = PRODUCTS.replace("2990,18,,false", "2990,18,,true")
SETTLE_S = 1.0


def seconds(first: dict[str, Any], then: dict[str, Any]) -> float:
    return (datetime.fromisoformat(then["time"]) - datetime.fromisoformat(first["time"])).total_seconds()


async def test_tags_and_weight_tell_one_story_and_what_does_not_fit_is_an_alarm(tmp_path: Path) -> None:
    async with rig(tmp_path, config=CONFIG + READER, products=TAGGED) as store:
        heard = store.stranger
        await heard.level("device/tags", state="online")
        tags = [item["epc"].upper() for item in (await store.hand.state())["slots"]["B"]["items"]]
        assert len(tags) == 6

        # A visit in which nothing is taken ends with an inventory, after which all tags are known.
        await store.enter()
        first = await store.leave()
        assert (first["cart"], first["needs_review"]) == ([], False)

        await store.enter()
        taken = (await store.hand.do("take", slot="B", count=1))["items"]
        await heard.event("session.item_taken", slot="B")
        after = heard.latest
        ended = await store.leave()
        gone = [item["epc"].upper() for item in taken]
        assert cart(ended) == [(GIN, 1)]
        assert [line["tags"] for line in ended["cart"]] == [gone]
        assert (ended["needs_review"], ended["review_reasons"]) == (False, [])
        closed = await heard.event("door.closed", after)
        assert 3.0 <= seconds(closed, await heard.event("session.ended", after)) <= SETTLE_S + 5

        after = heard.latest
        left = next(tag for tag in tags if tag not in gone)
        await store.hand.do("tag_remove", zone="fridge", epc=left)
        alarm = (await heard.event("alarm.raised", after))["data"]
        assert (alarm["kind"], alarm["details"]["epc"], alarm["details"]["gtin"]) == ("tag_without_weight", left, GIN)

        own = sgtin96(GIN, 4711, prefix_digits=7).hex()
        await store.enter()
        await store.hand.do("tag_add", zone="fridge", epc=own)
        await store.take("A", 1)
        await store.hand.do("tag_remove", zone="fridge", epc=own)
        with_bag = await store.leave()
        assert (cart(with_bag), with_bag["needs_review"]) == ([(RIESLING, 1)], False)

        hidden, *_ = [tag for tag in tags if tag not in (*gone, left)]
        await store.enter()
        await store.hand.do("tag_hide", epc=hidden, decibels=80.0)
        covered = await store.leave()
        assert (cart(covered), covered["review_reasons"]) == ([], ["tag_without_weight"])
        await store.enter()
        await store.hand.do("tag_hide", epc=hidden, hidden=False)
        after_it = await store.leave()
        assert (cart(after_it), after_it["needs_review"]) == ([], False)
        heard.gapless()
        assert await store.stop_daemon() == 0

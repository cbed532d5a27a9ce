"""How long a week of a busy shop takes: more than 200 sessions a day, faults included, each week twice, to the same events.

``python -m tests.bench.bench_week [SEED]``. The figure is of the store, its fold and its journal's records, in one process.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter

import click

from device.domain.envelope import data_of
from tests.store.busy import BusyShop

DAYS = 7
ARRIVALS_A_DAY = 225
"""So many come that more than 200 a day are let in."""


def week(seed: int) -> tuple[BusyShop, float, float, str]:
    """A week, the seconds and the processor's seconds that it took, and a digest of all its events."""
    start, worked = time.perf_counter(), time.process_time()
    shop = BusyShop(seed, visits_a_day=ARRIVALS_A_DAY)
    for _ in range(DAYS):
        shop.day()
    took_s, worked_s = time.perf_counter() - start, time.process_time() - worked
    digest = hashlib.sha256()
    for record in shop.records:
        if record.seq is not None:
            digest.update(repr((record.seq, record.subject, data_of(record.what))).encode())
    return shop, took_s, worked_s, digest.hexdigest()[:16]


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for _ in range(2):
        shop, took_s, worked_s, digest = week(seed)
        ended = shop.events("session.ended")
        carts = {event.session: {line.gtin: line.quantity for line in event.cart} for event in ended}
        reviewed = {event.session for event in ended if event.needs_review}
        wrong = [each for each in shop.visits if carts[each.session or ""] != {gtin: count for gtin, count in each.items.items() if count}]
        silent = [each for each in wrong if each.session not in reviewed]
        click.echo(
            f"{DAYS} days in {took_s:.1f} s ({worked_s:.1f} s of one processor): {len(ended)} sessions, {shop.boots} restarts,"
            f" {shop.state.seq} events, digest {digest}"
        )
        click.echo(f"  carts wrong {len(wrong)}, of them without review {len(silent)}; sessions to review {len(reviewed)}")
        click.echo("  " + ", ".join(f"{kind} {number}" for kind, number in Counter(shop.types()).most_common(12)))


if __name__ == "__main__":
    main()

"""``smartstore shop``: a shopper in the simulated store of ``run --simulate``: what the hand does, and what the store makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import click

from device.cli.output import json_option, known, program
from device.cli.signing import entry_code, key_file
from device.cli.simulation import hand_of
from device.cli.story import Teller
from device.cli.visitor import visit
from device.config import Configuration, load, simulated_journal
from device.domain.jws import SigningKey
from device.errors import StoreError
from device.journal.reading import book_of, holder, named, newest_of, open_archive, rows_after

LOOK_EVERY_S = 0.1
BILL_WITHIN_S = 10.0
"""The bill comes within settle_s and 5 s of the closed door, where tags are read (and much sooner where not)."""
TRIES = 4
"""Of a code that is denied because the store is busy: a store that has just started first weighs every plate."""
WHO = "The shopper"
STAFF = "The staff"
MOST_SEEDS = 1_000_000


class CannotShop(StoreError):
    """There is no simulated store, or it did not let the shopper in; the text says why."""


@click.command()
@click.argument("config", type=click.Path(readable=False, path_type=Path))
@click.argument("doings", nargs=-1, metavar="[DOING]...")
@click.option("--key", type=key_file, metavar="FILE", help="Private key (PEM) to sign a code with. [default: the one beside an entry key]")
@click.option("--code", metavar="CODE", help="Show this entry code, as `smartstore token` makes it, instead of a new one.")
@click.option("--age", type=click.IntRange(0, 150), default=30, show_default=True, help="Years of age that the new code proves.")
@click.option("--zone", metavar="ID", help="The cabinet to open. [default: the first that has a reader]")
@click.option("--restock", is_flag=True, help="Fill the shelves instead of shopping.")
@click.option("--seed", type=int, help="Without doings: of what the shopper likes. [default: another one each time]")
@click.option("--pace", type=click.FloatRange(0.1, 100), default=1.0, show_default=True, help="Factor on the shopper's pauses.")
@click.option("--control", type=click.Path(path_type=Path), metavar="SOCKET", help="The hand's socket, where `run` was given one.")
@json_option
def command(config: Path, doings: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Shop in the simulated store of CONFIG, which runs: `smartstore run CONFIG --simulate`.

    The shopper shows a code, opens the door, does each DOING in order, shuts the door and leaves. A DOING is take=SLOT or put=SLOT
    (:COUNT behind it for more than one), or lean=SLOT. Without any the shopper does as he likes. What the store says of it comes from its
    journal, behind an arrow; the bill is held against what the hand really holds.
    """
    if options["restock"] and doings:
        raise click.UsageError("--restock needs no doings")
    if options["key"] is not None and options["code"] is not None:
        raise click.UsageError("either --key or --code")
    configuration = load(config)
    journal = simulated_journal(configuration.layout.journal.path)
    if not holder(journal):
        raise CannotShop(f"no simulated store runs on {config}; start it in another terminal: {program()} run {config} --simulate")
    code = options["code"] or _code(configuration, options)
    control = options["control"] or hand_of(journal)
    teller = Teller(configuration, as_json)
    try:
        asyncio.run(_shop(teller, journal, control, code, _arguments(doings, options)))
    except ExceptionGroup as group:
        raise known(group) or group from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise click.Abort from None


def _arguments(doings: Sequence[str], options: dict[str, Any]) -> list[str]:
    said = ["--pace", str(options["pace"])]
    said += ["--seed", str(options["seed"] if options["seed"] is not None else secrets.randbelow(MOST_SEEDS))]
    said += ["--zone", options["zone"]] if options["zone"] is not None else []
    return [*said, *(["--restock"] if options["restock"] else []), "--", *doings]


def _code(configuration: Configuration, options: dict[str, Any]) -> str:
    key = options["key"] or _key_beside(configuration)
    return entry_code(configuration.layout, key, "shopper", purpose="restock" if options["restock"] else "shop", age=options["age"])


def _key_beside(configuration: Configuration) -> SigningKey:
    """The private half of an entry key, where it lies beside it as ``smartstore keygen`` makes them. Raises click.UsageError."""
    for public in configuration.layout.access.entry_keys:
        private = public.with_name(public.name.removesuffix(".pub.pem") + ".key.pem")
        if public.name.endswith(".pub.pem") and private.is_file():
            return key_file(str(private))
    raise click.UsageError("no private key lies beside the store's access.entry_keys: give --key FILE or --code CODE")


async def _shop(teller: Teller, journal: Path, control: Path, code: str, arguments: list[str]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    newest = _newest(journal)
    teller.say(teller.times)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(_follow(journal, newest, teller), name="journal")
        refusal, truth = await _visit(teller, control, code, arguments)
        for _ in range(TRIES - 1):
            if refusal is None or teller.denied != "busy":
                break
            teller.say("The store is busy: it has just started, or somebody shops there. Once more.")
            refusal, truth = await _visit(teller, control, code, arguments)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BILL_WITHIN_S if refusal is None else 2 * LOOK_EVERY_S):
                await teller.ended.wait()
        following.cancel()
    if refusal is not None:
        raise CannotShop(refusal)
    if not teller.ended.is_set():
        raise CannotShop(f"the store has told no end of the visit within {BILL_WITHIN_S:.0f} s; its log and its journal tell more")
    if truth is not None and "--restock" not in arguments:
        teller.bill(WHO, truth)


async def _visit(teller: Teller, control: Path, code: str, arguments: list[str]) -> tuple[str | None, dict[str, int] | None]:
    """Why the visit could not be made, or else what the hand holds after it."""
    refusal: str | None = None
    truth: dict[str, int] | None = None
    teller.denied = None
    async with contextlib.aclosing(visit(control, code, *arguments)) as steps:
        async for step in steps:
            refusal = step.get("error")
            truth = step.get("cart", truth)
            if refusal is None:
                teller.person(STAFF if "--restock" in arguments else WHO, step["says"])
    return refusal, truth


def _newest(journal: Path) -> int:
    """The newest row. Raises StoreError where the journal cannot be read."""
    try:
        with closing(open_archive(journal)) as archive:
            return newest_of(archive, book_of(archive))[0]
    except sqlite3.Error as error:
        raise StoreError(f"{journal}: {error}") from error


async def _follow(journal: Path, row: int, teller: Teller) -> None:
    """Tell each event that the journal gets. Opened anew each time: the daemon may end meanwhile. Raises StoreError."""
    while True:
        try:
            with closing(open_archive(journal)) as archive:
                news = [named(archive, stored) for stored in islice(rows_after(archive, row), 1000)]
        except sqlite3.Error as error:
            raise StoreError(f"{journal}: {error}") from error
        for stored in news:
            row = stored.row
            if stored.seq is not None and stored.body is not None:
                teller.heard(f"event/{stored.type}", json.loads(stored.body))
        await asyncio.sleep(LOOK_EVERY_S)

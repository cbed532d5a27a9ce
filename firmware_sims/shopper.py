"""People in a simulated cabinet: what they do, when, and what they walk away with.

``plan`` makes a visit from a seed and the shelves as they are, as a list of timed steps with the cart that must come of it; nothing
here has a clock until ``play`` does it. ``python -m firmware_sims.shopper`` plays one visit over the control channel and says each
step as a line of JSON: ``says`` (a sentence), ``did`` (the order), and at the end ``cart``, which is the truth.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from firmware_sims.control import CannotDo, Hand, hand

COUNTS = {1: "a", 2: "two", 3: "three"}
DOING = re.compile(r"(take|put|lean)=(.+?)(?::([1-9][0-9]?))?")
GRASP_S = 1.5
"""The pause before each doing that was asked for."""
HANDS = 2
LEANS_G = 1500.0
NO_ENTRY_S = 5.0
"""How long a shopper pulls at a door that stays locked."""
DOOR_SWINGS_S = 0.5
"""How long a door takes to swing open, in however great a hurry whoever pulls at it is: nobody reaches in before."""
TWO_HANDS_S = 0.3
"""At most so much later the second hand moves, when both take at once."""
MOST_HURRY, LEAST_HURRY = 0.01, 100.0
"""Bounds of a pace."""


class NoVisit(ValueError):
    """What was asked of a shopper cannot be done in this store; the text says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """After ``pause_s`` something is done; ``says`` tells it in a sentence without its subject."""

    pause_s: float
    order: dict[str, Any]
    says: str
    joined: bool = False
    """One movement with the step before: the other hand."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What one person does with the door open, and what the basket then holds: quantity by GTIN. Staff who ``restocks`` takes nothing."""

    zone: str
    steps: tuple[Step, ...]
    cart: dict[str, int]
    restocks: bool = False


@dataclass(frozen=True, slots=True)
class Habits:
    """How a person shops. ``takes`` and ``returns`` None: as it comes. Chances are by occasion."""

    takes: int | None = None
    returns: int | None = None
    leans: float = 0.15
    pairs: float = 0.15
    misplaces: float = 0.0
    kinds: float = 0.0
    """Of the takings from a slot where several products stand: two of them at once, one with each hand."""
    threes: float = 0.0
    """Of those who take two of a product at once: a third one too."""
    hurry_s: float = 0.8
    linger_s: float = 3.0


@dataclass
class _Shelves:
    """The shelves as the plan goes on: GTINs by slot, the front one last, and who holds what."""

    slots: dict[str, list[str]]
    names: dict[str, str]
    held: list[tuple[str, str]] = field(default_factory=list)


def plan(seed: int, layout: dict[str, Any], state: dict[str, Any], zone: str, habits: Habits = Habits()) -> Visit:
    """A visit to a cabinet: items taken, some put back where they came from. ``layout`` and ``state`` are the control channel's."""
    chance = random.Random(f"shopper {seed}")
    shelves = _shelves(layout, state, zone)
    takes = habits.takes if habits.takes is not None else chance.choice((0, 1, 1, 1, 2, 2, 3))
    returns = habits.returns if habits.returns is not None else chance.choice((0, 0, 0, 1)) if takes else 0
    doings = _order_of_doings(chance, takes, min(returns, takes))
    steps: list[Step] = []
    for doing in doings:
        if chance.random() < habits.leans and shelves.slots:
            steps.append(_lean(chance, shelves, habits))
        if doing == "take":
            steps += _take(chance, shelves, habits)
        elif (step := _give_back(chance, shelves, habits)) is not None:
            steps.append(step)
    return Visit(zone, tuple(steps), dict(Counter(gtin for _, gtin in shelves.held)))


def plan_doings(layout: dict[str, Any], state: dict[str, Any], zone: str, doings: Sequence[str]) -> Visit:
    """A visit with these doings in order: ``take=SLOT[:COUNT]``, ``put=SLOT[:COUNT]``, ``lean=SLOT``.

    What is put down is what was taken from there, else what was taken last, else something that was brought along. Raises NoVisit where
    a doing makes no sense, before anybody has entered.
    """
    shelves = _shelves(layout, state, zone)
    steps = []
    for doing in doings:
        verb, slot, count = _doing(doing)
        if slot not in shelves.slots:
            raise NoVisit(f"{doing}: there is no slot {slot} in {zone}; there are {', '.join(sorted(shelves.slots))}")
        match verb:
            case "take":
                steps += _take_from(shelves, slot, count, doing)
            case "put":
                steps += [_put_on(shelves, slot, layout["slots"][slot]["products"][0]) for _ in range(count)]
            case _:
                order = {"do": "lean", "slot": slot, "grams": LEANS_G, "seconds": 1.0}
                steps += [Step(GRASP_S, order, f"leans on {slot}")] * count
    return Visit(zone, tuple(steps), dict(Counter(gtin for _, gtin in shelves.held)))


def _doing(text: str) -> tuple[str, str, int]:
    parsed = DOING.fullmatch(text)
    if parsed is None:
        raise NoVisit(f"{text}: write take=SLOT, put=SLOT or lean=SLOT, and :COUNT behind it for more than one")
    return parsed[1], parsed[2], int(parsed[3] or 1)


def _take_from(shelves: _Shelves, slot: str, count: int, doing: str) -> list[Step]:
    """The front ones, in as many grasps as it takes: two hands, and one product at a time."""
    items = shelves.slots[slot]
    if count > len(items):
        raise NoVisit(f"{doing}: there {'is' if len(items) == 1 else 'are'} only {len(items)} on {slot}")
    runs = [(gtin, len(list(same))) for gtin, same in groupby(reversed(items[len(items) - count :]))]
    grasps = [(gtin, min(HANDS, left)) for gtin, several in runs for left in range(several, 0, -HANDS)]
    del items[len(items) - count :]
    steps = []
    for gtin, several in grasps:
        shelves.held += [(slot, gtin)] * several
        order = {"do": "take", "slot": slot, "gtin": gtin, "count": several}
        steps.append(Step(GRASP_S, order, f"takes {COUNTS.get(several, several)} {shelves.names[gtin]} from {slot}"))
    return steps


def _put_on(shelves: _Shelves, slot: str, product: str) -> Step:
    from_here = [held for held in shelves.held if held[0] == slot]
    held = (from_here or shelves.held)[-1:]
    gtin = held[0][1] if held else product
    if held:
        shelves.held.remove(held[0])
    shelves.slots[slot].append(gtin)
    says = f"puts {'the' if held else 'a'} {shelves.names[gtin]} {'back ' if from_here else ''}on {slot}"
    return Step(GRASP_S, {"do": "put", "slot": slot, "gtin": gtin}, says)


def plan_restock(layout: dict[str, Any], state: dict[str, Any], zone: str) -> Visit:
    """A visit that fills every slot of a cabinet with its first product, up to its capacity."""
    steps = []
    for name, slot in layout["slots"].items():
        missing = slot["capacity"] - state["slots"][name]["count"]
        if slot["zone"] == zone and missing > 0:
            gtin = slot["products"][0]
            says = f"puts {missing} of {layout['products'][gtin]['name']} on {name}"
            steps.append(Step(1.5, {"do": "put", "slot": name, "gtin": gtin, "count": missing, "who": "staff"}, says))
    return Visit(zone, tuple(steps), {}, restocks=True)


def _shelves(layout: dict[str, Any], state: dict[str, Any], zone: str) -> _Shelves:
    slots = {name: slot for name, slot in state["slots"].items() if slot["zone"] == zone}
    names = {gtin: product["name"] for gtin, product in layout["products"].items()}
    return _Shelves({name: [item["gtin"] for item in slot["items"]] for name, slot in slots.items()}, names)


def _order_of_doings(chance: random.Random, takes: int, returns: int) -> list[str]:
    """Takes and returns mixed, with something in the hand at every return."""
    doings: list[str] = []
    held = 0
    while takes or returns:
        if returns and held and (not takes or chance.random() < 0.4):
            doings.append("give")
            returns, held = returns - 1, held - 1
        else:
            doings.append("take")
            takes, held = takes - 1, held + 1
    return doings


def _pause(chance: random.Random, habits: Habits) -> float:
    return round(chance.uniform(habits.hurry_s, habits.linger_s), 2)


def _lean(chance: random.Random, shelves: _Shelves, habits: Habits) -> Step:
    order: dict[str, Any] = {"do": "lean", "slot": chance.choice(sorted(shelves.slots))}
    order |= {"grams": round(chance.uniform(200, 4000)), "seconds": round(chance.uniform(0.3, 1.5), 2)}
    return Step(_pause(chance, habits), order, "leans on the shelf to read a label")


def _take(chance: random.Random, shelves: _Shelves, habits: Habits) -> list[Step]:
    stocked = sorted(name for name, items in shelves.slots.items() if items)
    if not stocked:
        return []
    slot = chance.choice(stocked)
    items = shelves.slots[slot]
    if habits.kinds and any(item != items[-1] for item in items) and chance.random() < habits.kinds:
        return _take_two_kinds(chance, shelves, slot, habits)
    gtin, count = items[-1], 1
    if items[-2:] == [gtin] * 2 and chance.random() < habits.pairs:
        count = 3 if habits.threes and items[-3:] == [gtin] * 3 and chance.random() < habits.threes else 2
    del items[-count:]
    shelves.held += [(slot, gtin)] * count
    order = {"do": "take", "slot": slot, "gtin": gtin, "count": count}
    return [Step(_pause(chance, habits), order, f"takes {COUNTS[count]} {shelves.names[gtin]} from {slot}")]


def _take_two_kinds(chance: random.Random, shelves: _Shelves, slot: str, habits: Habits) -> list[Step]:
    """What stands in front (perhaps two of it), and of what is another product the foremost, almost at once."""
    items = shelves.slots[slot]
    place = max(place for place, item in enumerate(items) if item != items[-1])
    one, other = items[-1], items.pop(place)
    count = 2 if items[-2:] == [one] * 2 and chance.random() < habits.pairs else 1
    del items[-count:]
    shelves.held += [*[(slot, one)] * count, (slot, other)]
    orders = [{"do": "take", "slot": slot, "gtin": gtin, "count": each} for gtin, each in ((one, count), (other, 1))]
    return [
        Step(_pause(chance, habits), orders[0], f"takes {COUNTS[count]} {shelves.names[one]} from {slot}"),
        Step(round(chance.uniform(0, TWO_HANDS_S), 2), orders[1], f"takes a {shelves.names[other]} with the other hand", joined=True),
    ]


def _give_back(chance: random.Random, shelves: _Shelves, habits: Habits) -> Step | None:
    if not shelves.held:
        return None
    slot, gtin = shelves.held.pop(chance.randrange(len(shelves.held)))
    others = sorted(name for name in shelves.slots if name != slot)
    says = f"thinks again and puts the {shelves.names[gtin]} back on {slot}"
    if others and chance.random() < habits.misplaces:
        slot = chance.choice(others)
        says = f"puts the {shelves.names[gtin]} down on {slot}, where it does not belong"
    shelves.slots[slot].append(gtin)
    return Step(_pause(chance, habits), {"do": "put", "slot": slot, "gtin": gtin}, says)


async def play(
    visitor: Hand, visit: Visit, *, reader: str, code: str, hold_s: float = 0.8, pace: float = 1.0, closing_pause_s: float = 1.2
) -> AsyncGenerator[dict[str, Any]]:
    """Show the code, open, do the steps, close and leave; each as it is done, the last with the true ``cart``.

    Raises CannotDo where the door does not open, or something cannot be done; then the door is shut again.
    """
    show = {"do": "show", "reader": reader, "code": code, "hold_s": hold_s}
    yield await _do(visitor, Step(0.0, show, "shows a code at the door"), pace)
    try:
        await visitor.open(visit.zone, NO_ENTRY_S)
    except CannotDo as refusal:
        if str(refusal) != "locked":
            raise
        raise CannotDo(f"the door of {visit.zone} stayed locked for {NO_ENTRY_S:.0f} s after the code was shown") from None
    # Said as the door gives way and not when it stands open, or the store's word of the open door would come first.
    yield {"says": "opens the door", "did": {"do": "open", "zone": visit.zone}}
    await asyncio.sleep(DOOR_SWINGS_S)
    try:
        for step in visit.steps:
            yield await _do(visitor, step, pace)
    except CannotDo:
        await visitor.do("close", zone=visit.zone)
        await visitor.do("leave")
        raise
    yield await _do(visitor, Step(closing_pause_s, {"do": "close", "zone": visit.zone}, "closes the door"), pace)
    items = (await visitor.do("leave"))["items"]
    cart = dict(Counter(item["gtin"] for item in items))
    yield {"says": "leaves" if items or visit.restocks else "leaves with nothing", "did": {"do": "leave"}, "cart": cart, "items": items}


async def _do(visitor: Hand, step: Step, pace: float) -> dict[str, Any]:
    await asyncio.sleep(step.pause_s * pace)
    arguments = {name: value for name, value in step.order.items() if name != "do"}
    answer = await visitor.do(step.order["do"], **arguments)
    return {"says": step.says, "did": step.order, **answer}


def main(arguments: list[str] | None = None) -> int:
    """Play one visit; exit status 1 where it could not be made, and ``error`` then says why."""
    parser = argparse.ArgumentParser(prog="python -m firmware_sims.shopper", description="One shopper in a simulated store.")
    parser.add_argument("--control", type=Path, required=True, help="the simulated store's control socket")
    parser.add_argument("--code", required=True, help="the entry code to show")
    parser.add_argument("--zone", help="default: the first cabinet that has a reader")
    parser.add_argument("--reader", help="default: the zone's first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--takes", type=_count, help="so many items, one at a time; default: as it comes")
    parser.add_argument("--returns", type=_count, help="so many of them go back")
    parser.add_argument("--pace", type=_pace, default=1.0, help="factor on all pauses, 0.01-100")
    parser.add_argument("--restock", action="store_true", help="fill the shelves instead of shopping")
    parser.add_argument("doings", nargs="*", metavar="DOING", help="take=SLOT[:COUNT], put=SLOT[:COUNT] or lean=SLOT, in order")
    options = parser.parse_args(arguments)
    try:
        return asyncio.run(_visit(options, _say))
    except (CannotDo, NoVisit) as reason:
        _say({"error": str(reason)})
    except TimeoutError:
        _say({"error": f"the simulated store at {options.control} does not answer"})
    except OSError as reason:
        _say({"error": f"the simulated store at {options.control} cannot be reached: {reason.strerror or reason}"})
    return 1


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no count")
    return int(text)


def _pace(text: str) -> float:
    try:
        pace = float(text)
    except ValueError:
        pace = 0.0
    if not MOST_HURRY <= pace <= LEAST_HURRY:
        raise argparse.ArgumentTypeError(f"{text} is not between {MOST_HURRY:g} and {LEAST_HURRY:g}")
    return pace


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _visit(options: argparse.Namespace, say: Callable[[dict[str, Any]], None]) -> int:
    async with hand(options.control) as visitor:
        layout, state = await visitor.do("layout"), await visitor.state()
        zone, reader = _entrance(layout, options.zone, options.reader)
        if options.doings:
            visit = plan_doings(layout, state, zone, options.doings)
        elif options.restock:
            visit = plan_restock(layout, state, zone)
        else:
            habits = Habits() if options.takes is None else Habits(takes=options.takes, pairs=0.0)
            visit = plan(options.seed, layout, state, zone, replace(habits, returns=options.returns))
        async for line in play(visitor, visit, reader=reader, code=options.code, pace=options.pace):
            say(line)
    return 0


def _entrance(layout: dict[str, Any], zone: str | None, reader: str | None) -> tuple[str, str]:
    """Where to go in, and the reader there. Raises NoVisit."""
    readers: dict[str, str] = layout["readers"]
    cabinets = [where for where in readers.values() if layout["zones"][where]["kind"] == "cabinet"]
    if not cabinets:
        raise NoVisit("no cabinet of this store has a reader of its own, and this shopper walks into no rooms")
    zone = zone or cabinets[0]
    if zone not in cabinets:
        raise NoVisit(f"{zone} is no cabinet with a reader; there are {', '.join(sorted(set(cabinets)))}")
    here = [name for name, where in readers.items() if where == zone]
    if reader is not None and reader not in here:
        raise NoVisit(f"{reader} is no reader of {zone}; there are {', '.join(here)}")
    return zone, reader or here[0]


if __name__ == "__main__":
    sys.exit(main())

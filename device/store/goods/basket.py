"""The basket: what steps of weight mean, by whose session, and the cart that is made of them."""

from __future__ import annotations

from collections.abc import Sequence

from device.domain.events import Alternative, CartLine, ItemReturned, ItemTaken, ReviewReason
from device.domain.identification import Identification, Move, Step, Story, TagCount, Told
from device.store import alarms
from device.store.goods import filling, standing, stock
from device.store.goods.candidates import on_slot
from device.store.goods.lines import line
from device.store.memory.notes import ReviewAdded, StepNoted, StepUnexplained
from device.store.memory.state import Pick, Session
from device.store.turn import Turn

REVISE_FROM = 0.9
"""During a session an earlier line is told anew once its other reading is this sure; at the end all lines are made to fit the cart."""
CART_SHARE = 0.1
"""The whole cart may be a tenth as doubtful as one line may (``review_below``): with 0.99 a cart passes from 99.9 % on, so that a wrong
one that nobody looks at is held to cost as much as 1000 reviews."""


def review(turn: Turn, session: Session, reason: ReviewReason) -> None:
    """Have a session looked at by a person."""
    if reason not in session.reviews:
        turn.note(ReviewAdded(session.zone, session.id, reason))


def quantities(session: Session) -> dict[str, int]:
    """Items of each product in a session's hands, as told so far."""
    held: dict[str, int] = {}
    for pick in session.picks:
        held[pick.gtin] = held.get(pick.gtin, 0) + pick.quantity
    return held


def moved(turn: Turn, session: Session, step: Step) -> None:
    """Something left a slot within a session, or came to it."""
    if session.purpose in ("restock", "service"):
        _restocked(turn, session, step)
        return
    filling.settle(turn, step.slot)
    told = (step.slot, step.began_at, step.delta, step.sd, step.load, step.evidence, step.gesture)
    turn.note(StepNoted(session.zone, session.id, *told))
    _follow(turn, session, story_of(turn, session), final=False)


def story_of(turn: Turn, session: Session, tags: Sequence[TagCount] = ()) -> Story:
    """What the steps of a session mean together, by now."""
    history = turn.live.histories.get(session.id)
    if history is None or history.size > len(session.steps):
        history = turn.live.histories[session.id] = turn.identify.history()
    for step in session.steps[history.size :]:
        history.add(step, on_slot(turn, step.slot, session) if step.slot in turn.plan.slots else ())
    return history.story(tags)


def conclude(turn: Turn, session: Session, tags: Sequence[TagCount] = ()) -> Story:
    """Make the lines of a session fit its final cart, and say what is doubtful about it."""
    story = story_of(turn, session, tags)
    _follow(turn, session, story, final=True)
    standing.follow(turn, session, story.steps, turn.live.histories[session.id].ways(tags))
    _doubt(turn, session, story)
    if session.unexplained:
        review(turn, session, "unexplained_step")
    turn.live.histories.pop(session.id, None)
    return story


def nobodys(turn: Turn, visitors: list[Session], slot_id: str, delta: float, sd: float, evidence: str | None) -> None:
    """A step that any of several visitors may have caused: told with their names, charged to none, and all of them need review."""
    for session in visitors:
        review(turn, session, "several_sessions")
    found = turn.identify(abs(delta), sd, on_slot(turn, slot_id, leaving=delta < 0))
    step = Step(slot_id, turn.moment.uptime, delta, sd, 0.0, evidence)
    if found.gtin is not None:
        _tell(turn, visitors, step, _move(found, delta), None, found.confidence, found.alternatives)
        stock.move(turn, slot_id, found.gtin, -found.quantity if delta < 0 else found.quantity, "taken" if delta < 0 else "returned")
    standing.moved(turn, slot_id, step, found)


def unexplained(
    turn: Turn, slot_id: str, delta: float, sd: float, evidence: str | None, cause: stock.Cause = "unexplained", *, slow: bool = False
) -> Identification:
    """A slot's weight changed while nobody was entitled to change it, at once or (``slow``) in bits. Returns what it was."""
    zone = turn.plan.zone_of_slot(slot_id)
    found = turn.identify(abs(delta), sd, on_slot(turn, slot_id, leaving=delta < 0))
    details = {
        "slot": slot_id,
        "grams": round(delta, 1),
        "gtin": found.gtin,
        "quantity": found.quantity,
        "evidence": evidence,
        "slow": slow,
    }
    alarms.raise_alarm(turn, "unexplained_removal" if delta < 0 else "unexplained_addition", slot_id, zone, **details)
    if found.gtin is not None:
        stock.move(turn, slot_id, found.gtin, -found.quantity if delta < 0 else found.quantity, cause)
    standing.moved(turn, slot_id, Step(slot_id, turn.moment.uptime, delta, sd, 0.0, evidence), found)
    return found


def cart(turn: Turn, session: Session, story: Story) -> tuple[CartLine, ...]:
    """One line a product that stayed in the shopper's hands, in the order in which they were first taken."""
    lines = []
    for gtin, quantity in quantities(session).items():
        if quantity <= 0:
            continue
        price, product = _price(turn, session, gtin), line(turn, gtin, session)
        lines.append(
            CartLine(
                gtin=gtin,
                name=product.name if product else gtin,
                quantity=quantity,
                unit_price_minor=price,
                total_minor=price * quantity,
                confidence=round(min(1.0, story.lines.get(gtin, 0.0)), 6),
                tags=tuple(sorted(epc for epc, tagged in session.tags.items() if tagged == gtin)),
            )
        )
    return tuple(lines)


def _restocked(turn: Turn, session: Session, step: Step) -> None:
    """Staff took something away or filled a slot up: each step stands for itself, and there may be many items in it.

    But for the one that takes the last back: a hand that pressed, a bottle that was put down and taken up. It is what that was, whatever
    its weight alone might say.
    """
    if step.undoes is not None and _restock_undone(turn, session, step, step.undoes):
        return
    found = turn.identify(abs(step.delta), step.sd, on_slot(turn, step.slot, leaving=step.delta < 0, staff=session), hand=False)
    if found.gtin is None:
        if step.evidence is None:
            review(turn, session, "unexplained_step")
        else:
            turn.note(StepUnexplained(session.zone, session.id, step.evidence))
        return
    if found.confidence < turn.rules(session.zone).review_below:
        review(turn, session, "low_confidence")
    waits = False
    if step.delta > 0:
        waits = filling.put_in(turn, step)
    else:
        filling.settle(turn, step.slot)
    _tell(turn, [session], step, _move(found, step.delta), None, found.confidence, found.alternatives)
    stock.move(turn, step.slot, found.gtin, found.quantity if step.delta > 0 else -found.quantity, "restocked")
    if not waits:
        standing.moved(turn, step.slot, step, found)


def _restock_undone(turn: Turn, session: Session, step: Step, undoes: str) -> bool:
    """Take back what was told of an earlier step; False where nothing was told of it."""
    if undoes in session.unexplained:
        turn.note(StepUnexplained(session.zone, session.id, undoes, undone=True))
        return True
    picks = [pick for pick in session.picks if (pick.slot, pick.evidence) == (step.slot, undoes)]
    for pick in picks:
        earlier = Step(step.slot, step.began_at, -step.delta, step.sd, step.load, undoes)
        _tell(turn, [session], earlier, Move(pick.gtin, pick.quantity), pick.seq, pick.confidence, (), back=True)
        stock.move(turn, step.slot, pick.gtin, pick.quantity, "restocked")
    return bool(picks)


def _move(found: Identification, delta: float) -> Move:
    return Move(found.gtin or "", found.quantity if delta < 0 else -found.quantity)


def _follow(turn: Turn, session: Session, story: Story, *, final: bool) -> None:
    """Tell what the newest step was, and tell anew what an earlier one has turned out to be."""
    for place, told in enumerate(story.steps):
        if session.steps[place].slot not in turn.plan.slots:
            continue  # a restart came with another plan: what was told while the slot was known stands
        picks = [pick for pick in session.picks if pick.step == place]
        same = sorted((pick.gtin, pick.quantity) for pick in picks) == sorted((move.gtin, move.quantity) for move in told.moves)
        newest = place == len(story.steps) - 1 and not picks
        if not same and (final or newest or told.confidence >= REVISE_FROM):
            _retell(turn, session, place, picks, told)


def _retell(turn: Turn, session: Session, place: int, picks: list[Pick], told: Told) -> None:
    """Take back what was told of a step, if anything was, and tell what it was."""
    step = session.steps[place]
    for pick in picks:
        _tell(turn, [session], step, Move(pick.gtin, pick.quantity), pick.seq, pick.confidence, (), back=True)
        stock.move(turn, step.slot, pick.gtin, pick.quantity, "taken" if pick.quantity > 0 else "returned")
    for move in told.moves:
        _tell(turn, [session], step, move, picks[0].seq if picks else None, told.confidence, told.alternatives)
        stock.move(turn, step.slot, move.gtin, -move.quantity, "taken" if move.quantity > 0 else "returned")


def _tell(
    turn: Turn,
    hands: list[Session],
    step: Step,
    move: Move,
    revises: int | None,
    confidence: float,
    alternatives: tuple[Alternative, ...],
    *,
    back: bool = False,
) -> None:
    """Tell that items left a slot or came to it, by one session's hands or by any of several; ``back``: that they did not after all."""
    kind = ItemTaken if move.quantity > 0 else ItemReturned
    session, alone = hands[0], len(hands) == 1
    turn.tell(
        kind(
            session=session.id if alone else None,
            slot=step.slot,
            gtin=move.gtin,
            quantity=-abs(move.quantity) if back else abs(move.quantity),
            grams=round(abs(step.delta), 1),
            grams_sd=round(step.sd, 2),
            confidence=round(confidence, 6),
            alternatives=alternatives,
            tags=_tags(session, move, revises) if alone else (),
            evidence=step.evidence,
            price_minor=_price(turn, hands[0], move.gtin),
            revises=revises,
            candidates=() if alone else tuple(session.id for session in hands),
        ),
        hands[0].zone,
    )


def _tags(session: Session, move: Move, revises: int | None) -> tuple[str, ...]:
    """The tags of items that left, as far as they are known to be gone by now and no other line has them."""
    told = {epc for pick in session.picks if pick.seq != revises for epc in pick.tags}
    gone = [epc for epc, gtin in sorted(session.tags.items()) if gtin == move.gtin and epc not in told]
    return tuple(gone[: max(0, move.quantity)])


def _price(turn: Turn, session: Session, gtin: str) -> int:
    product = line(turn, gtin, session)
    return session.prices.get(gtin, product.price_minor if product else 0)


def _doubt(turn: Turn, session: Session, story: Story) -> None:
    """What of a cart is not certain enough: a line, the cart as a whole, or something that has no explanation."""
    rules = turn.plan.zones.get(session.zone)
    least = rules.review_below if rules else 1.0  # a zone that has left the configuration: a person looks at all of it
    limit = (1 - least) * CART_SHARE
    open_questions = [doubt for doubt, share in story.doubts.items() if share > limit]
    for doubt in open_questions:
        review(turn, session, doubt)
    if _bits(session, story):
        review(turn, session, "unexplained_step")
    if "unexplained_step" in open_questions and _unknown_products(turn, session):
        review(turn, session, "unknown_product")
    if "swap_suspected" in open_questions:
        alarms.raise_alarm(turn, "swap_suspected", session.zone, session.zone, session=session.id)
    unsure = [gtin for gtin, share in story.lines.items() if share < least]
    if unsure or (not open_questions and story.confidence < 1 - limit):
        review(turn, session, "low_confidence")
    if any(pick.gtin in unsure and pick.slot in turn.plan.slots and not stock.is_own(turn, pick.slot, pick.gtin) for pick in session.picks):
        review(turn, session, "misplaced")


def _bits(session: Session, story: Story) -> bool:
    """Whether changes that are each too small for an item come to something on some slot together."""
    sums: dict[str, float] = {}
    for step, told in zip(session.steps, story.steps, strict=True):
        if not told.moves:
            sums[step.slot] = sums.get(step.slot, 0.0) + step.delta
    loads = {step.slot: step.load for step in session.steps}
    return any(abs(grams) > stock.astray(loads[slot]) for slot, grams in sums.items())


def _unknown_products(turn: Turn, session: Session) -> bool:
    """Whether the session touched a slot of which the catalogue does not know every product."""
    slots = {step.slot for step in session.steps if step.slot in turn.plan.slots}
    return any(line(turn, gtin, session) is None for slot in slots for gtin in turn.plan.slots[slot].products)

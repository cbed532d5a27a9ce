"""Visits: how a session starts and ends, wherever it is. What comes between is ``sessions``' (cabinets) and ``rooms``'."""

from __future__ import annotations

from collections.abc import Mapping

from device.domain.events import (
    ColdChain,
    EndReason,
    Purpose,
    RestockLine,
    ReviewReason,
    SessionEnded,
    SessionStarted,
)
from device.domain.layout import Slot
from device.domain.products import Product
from device.store import answers, degraded
from device.store.cold.statement import statement
from device.store.goods import basket, expiry, ledger, orders, standing, stock, tags
from device.store.memory.notes import LinesKept, OrderPickedUp, SessionDetails
from device.store.memory.state import Session
from device.store.turn import Turn


def begin(
    turn: Turn,
    zone: str,
    purpose: Purpose,
    subject: str,
    *,
    order: str | None = None,
    order_lines: Mapping[str, int] | None = None,
    command: str | None = None,
    jti: str | None = None,
) -> Session:
    """Write down that somebody may come in. Nothing moves yet."""
    session = f"{turn.epoch}-s{turn.state.seq + 1}"
    turn.tell(SessionStarted(session, zone, purpose, subject, order), zone)
    slots = covered(turn, zone)
    prices = {gtin: turn.plan.products[gtin].price_minor for slot in slots for gtin in slot.products if gtin in turn.plan.products}
    expected = {slot.id: {gtin: turn.slot(slot.id).counts.get(gtin) for gtin in slot.products} for slot in slots}
    turn.note(SessionDetails(session, zone, command, dict(order_lines or {}), prices, expected, jti))
    started = turn.zone(zone).visitor(session)
    assert started is not None
    for slot in slots:
        ledger.opened(turn, slot.id)
    if any(slot.id in turn.live.untrusted for slot in slots):
        basket.review(turn, started, "untrusted_plate")
    if any(gtin not in turn.plan.products for gtin in started.order_lines):
        basket.review(turn, started, "unknown_product")
    return started


def keep_lines(turn: Turn, new: Mapping[str, Product]) -> None:
    """Have running sessions go on with the lines of the catalogue that are about to change; prices they have already."""
    for zone in turn.plan.zones:
        for session in turn.zone(zone).sessions:
            gtins = {gtin for slot in covered(turn, zone) for gtin in slot.products} | {pick.gtin for pick in session.picks}
            had = {gtin: turn.plan.products[gtin] for gtin in gtins if gtin in turn.plan.products and gtin not in session.kept}
            changed = tuple(product for gtin, product in sorted(had.items()) if new.get(gtin) != product)
            if changed:
                turn.note(LinesKept(zone, session.id, changed))


def finish(turn: Turn, session: Session, reason: EndReason) -> None:
    """Say what a session came to: its cart, and what is doubtful about it."""
    charged = session.purpose in ("shop", "pickup")
    told = tags.counts(turn, session) if reason in ("door_closed", "exit") else None
    story = basket.conclude(turn, session, told or ())
    _final_doubts(turn, session, reason)
    if told is not None:
        tags.compare(turn, session, told)
    if charged and (doubt := expiry.doubt(turn, session)):
        basket.review(turn, session, doubt)
    cart = basket.cart(turn, session, story) if charged else ()
    restock = _restocked(turn, session) if session.purpose == "restock" else None
    reviews: tuple[ReviewReason, ...] = tuple(session.reviews)
    if session.order and reason != "never_opened":
        turn.note(OrderPickedUp(session.order))
    turn.tell(
        SessionEnded(
            session=session.id,
            zone=session.zone,
            purpose=session.purpose,
            subject=session.subject,
            reason=reason,
            cart=cart,
            total_minor=sum(line.total_minor for line in cart),
            currency=turn.plan.layout.store.currency,
            needs_review=bool(reviews),
            review_reasons=reviews,
            started=turn.time(session.started_wall),
            duration_s=round(max(0.0, turn.moment.uptime - session.started), 3),
            order=orders.result(session) if session.purpose == "pickup" else None,
            cold_chain=_cold_chain(turn, session) if session.purpose == "pickup" else None,
            restock=restock,
        ),
        session.zone,
    )
    if session.command:
        answers.finish(turn, session.command, "done", result={"unlocked": True, "opened": False})


def answer_opened(turn: Turn, session: Session | None) -> None:
    """Tell whoever commanded it that the door has been opened."""
    if session and session.command:
        after_s = round(turn.moment.uptime - session.started, 3)
        answers.finish(turn, session.command, "done", result={"unlocked": True, "opened": True, "opened_after_s": after_s})


def visitors(turn: Turn, zone: str) -> list[Session]:
    """Who is in a room."""
    return [session for session in turn.zone(zone).sessions if session.inside]


def covered(turn: Turn, zone: str) -> list[Slot]:
    """The slots that a session in a zone is about: its own, and those of the cabinets in a room."""
    return [slot for place in (zone, *turn.plan.inside(zone)) for slot in turn.plan.slots_of(place)]


def _final_doubts(turn: Turn, session: Session, reason: EndReason) -> None:
    """What can only be said at the end."""
    if reason == "never_opened":
        return
    slots = covered(turn, session.zone)
    if reason == "timeout":
        basket.review(turn, session, "timeout")
    if reason != "door_closed" and any(slot.id in turn.live.moving for slot in slots):
        basket.review(turn, session, "unexplained_step")
    if any(slot.id in turn.live.untrusted for slot in slots) and "gap" not in session.reviews:
        basket.review(turn, session, "untrusted_plate")
    for slot in slots:
        if slot.id not in turn.live.untrusted and ledger.closed(turn, slot.id, sum(step.slot == slot.id for step in session.steps)):
            basket.review(turn, session, "unexplained_step")
    charged, places = session.purpose in ("shop", "pickup"), (session.zone, *turn.plan.inside(session.zone))
    if charged and not session.reviews and any(degraded.asks_review_of(turn, place) for place in places):
        basket.review(turn, session, "gap")


def _cold_chain(turn: Turn, session: Session) -> ColdChain | None:
    """What the goods that were taken went through; where none were, those that were asked for."""
    taken = {gtin for gtin, count in basket.quantities(session).items() if count > 0}
    goods = {gtin: {pick.slot for pick in session.picks if pick.gtin == gtin} for gtin in taken}
    asked = {gtin: {slot.id for slot in covered(turn, session.zone)} for gtin in session.order_lines}
    return statement(turn, goods or asked, (session.zone, *turn.plan.inside(session.zone)))


def _restocked(turn: Turn, session: Session) -> tuple[RestockLine, ...]:
    """Compare the books with the scales; where a slot has one product, the scale wins."""
    lines = []
    for slot in covered(turn, session.zone):
        measured = stock.weighed(turn, slot.id) if slot.id not in turn.live.untrusted else None
        for gtin in slot.products:
            expected = session.expected.get(slot.id, {}).get(gtin)
            count = measured if measured is not None else turn.slot(slot.id).counts.get(gtin)
            if measured is not None:
                before = turn.slot(slot.id).counts.get(gtin)
                stock.put(turn, slot.id, gtin, measured, "restocked")
                if measured != before:
                    standing.counted(turn, slot.id, gtin, before, measured)
            difference = count - expected if count is not None and expected is not None else None
            lines.append(RestockLine(slot.id, gtin, expected, count, difference))
    return tuple(lines)

"""What a code shown at a reader does: a session, or a reason why not."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from device.domain.events import AccessDenied, AccessGranted, Purpose
from device.domain.facts import CodeRead
from device.store import sales
from device.store.access.codes import Denial, Entrance, Grant, Lockout, Rules, bearer, judge
from device.store.goods import orders
from device.store.memory.notes import CodeUsed
from device.store.turn import Turn
from device.store.visits import rooms, sessions, visits


def code_read(turn: Turn, fact: CodeRead, rules: Rules, lockouts: dict[str, Lockout]) -> None:
    """Judge a code. One that was denied ``busy`` and is still held there is judged again; any other that is held has had its answer.

    In a room a code also says who is leaving: at a reader on the way out, or, where one serves both ways, when its visitor is inside.
    """
    zone = turn.plan.reader_zone.get(fact.reader)
    if zone is None or (fact.held and fact.reader not in turn.live.held_busy):
        return
    lockout = lockouts.get(fact.reader, Lockout())
    room = turn.rules(zone).kind == "room"
    if room and turn.plan.directions[fact.reader] != "in" and _way_out(turn, zone, fact.text, rules):
        return
    entrance = entrance_of(turn, zone)
    verdict = judge(
        fact.text,
        entrance if turn.plan.directions[fact.reader] != "out" else replace(entrance, busy=True),
        rules,
        turn.moment,
        used=lambda jti: _is_used(turn, jti),
        revoked=lambda jti, subject: _is_revoked(turn, jti, subject),
        cards_refused=lockout.refuses_cards(turn.moment),
    )
    lockouts[fact.reader], to_be_told = lockout.after(verdict, turn.moment)
    if isinstance(verdict, Grant) and verdict.order and (reason := orders.against(turn, verdict.order, zone)):
        verdict = Denial(reason, verdict.subject)
    if isinstance(verdict, Grant):
        turn.live.held_busy.discard(fact.reader)
        _grant(turn, zone, fact.reader, verdict)
        return
    if to_be_told and not (fact.held and verdict.reason == "busy"):
        subject = None if verdict.subject is None else turn.names.subject(verdict.subject)
        turn.tell(AccessDenied(zone, fact.reader, subject, verdict.reason), zone)
    _remember_busy(turn, fact.reader, verdict)


def entrance_of(turn: Turn, zone: str) -> Entrance:
    """A zone as somebody who wants to enter finds it."""
    return Entrance(
        zone=zone,
        age_limit=turn.plan.age_limit(zone),
        sales=turn.plan.opening(zone, "shop"),
        pickups=turn.plan.opening(zone, "pickup"),
        stopped=frozenset(purpose for purpose in get_args(Purpose) if sales.is_stopped(turn, zone, purpose)),
        busy=is_busy(turn, zone),
    )


def is_busy(turn: Turn, zone: str) -> bool:
    """Whether a session cannot start: one runs, a door is not known to be shut, or a lock is still on its way.

    Nor can it before a plate that has never been weighed is weighed, or known not to be believed: what was taken before that could not
    be seen. A restart is no such time, since the journal knows the weights.
    """
    state, zone_rules = turn.zone(zone), turn.rules(zone)
    if state.phase != "shut" or not turn.door_shut(zone) or state.fire or zone_rules.inside:
        return True
    if len(state.sessions) >= (zone_rules.max_sessions if zone_rules.kind == "room" else 1):
        return True
    if any(turn.slot(slot.id).grams is None and slot.id not in turn.live.untrusted for slot in visits.covered(turn, zone)):
        return True
    return any(lock.id in turn.live.pending or turn.live.online.get(lock.id) is False for lock in turn.plan.locks_of(zone))


def _grant(turn: Turn, zone: str, reader: str, grant: Grant) -> None:
    subject, jti = turn.names.subject(grant.subject), None
    if grant.jti is not None and grant.expires is not None:
        jti = turn.names.code(grant.jti, subject, grant.expires)
        turn.note(CodeUsed(jti, grant.expires))
    turn.tell(AccessGranted(zone, reader, subject, grant.purpose, jti), zone)
    order = grant.order.id if grant.order else None
    lines = orders.wanted(turn, grant.order) if grant.order else {}
    if turn.rules(zone).kind == "room":
        rooms.start(turn, zone, grant.purpose, subject, order=order, order_lines=lines, jti=jti)
    else:
        sessions.start(turn, zone, grant.purpose, subject, order=order, order_lines=lines)


def _is_used(turn: Turn, jti: str) -> bool:
    # Under its own number as well: journals of the first version have it so.
    return jti in turn.state.used or turn.names.code_of(jti) in turn.state.used


def _is_revoked(turn: Turn, jti: str | None, subject: str | None) -> bool:
    codes, subjects = turn.state.revoked_jti, turn.state.revoked_subject
    if jti is not None and (jti in codes or turn.names.mark("jti", jti) in codes):
        return True
    return subject is not None and (subject in subjects or turn.names.mark("subject", subject) in subjects)


def _way_out(turn: Turn, zone: str, text: str, rules: Rules) -> bool:
    """Whether the code is that of somebody inside, who is let out."""
    whose = bearer(text, rules)
    return whose is not None and rooms.shown_on_the_way_out(turn, zone, *whose)


def _remember_busy(turn: Turn, reader: str, verdict: Denial) -> None:
    if verdict.reason == "busy":
        turn.live.held_busy.add(reader)
    else:
        turn.live.held_busy.discard(reader)

"""Orders: where one waits, who may have it, what of it has been taken, and for how long it is remembered.

An order is told with ``assign_order``, with the code that collects it, or with both. Then the lines and the zone that were assigned hold:
the backend may have changed them since it gave out the code.
"""

from __future__ import annotations

from collections.abc import Mapping

from device.domain.commands import Order
from device.domain.events import OrderLineResult, OrderResult
from device.errors import CommandRefused
from device.store.access.codes import Reason
from device.store.goods import basket
from device.store.memory.notes import Forgotten
from device.store.memory.state import OrderState, Session
from device.store.turn import Turn

KEEP_S = 90 * 86_400.0
"""An order is remembered for so long after it was picked up, or assigned last, and then forgotten."""
MOST = 10_000
"""Orders that are remembered at a time. One more is refused ``busy``: nothing that may still be collected is dropped for room."""
REVOKED_KEEP_S = 400 * 86_400.0
REVOKED_MOST = 10_000
"""So many revoked codes, and as many subjects, are remembered. Only codes that were revoked 400 days ago make room; else ``busy``."""


def lines_of(order: Order) -> dict[str, int]:
    """Quantities by GTIN."""
    lines: dict[str, int] = {}
    for line in order.lines:
        lines[line.gtin] = lines.get(line.gtin, 0) + line.quantity
    return lines


def against(turn: Turn, order: Order, zone: str) -> Reason | None:
    """What speaks against handing an order out in a zone; None: nothing."""
    known = turn.state.orders.get(order.id)
    if known is not None and known.picked_up:
        return "used"
    if known is not None and known.zone not in (zone, *turn.plan.inside(zone)):
        return "wrong_zone"
    if any(session.order == order.id for state in turn.state.zones.values() for session in state.sessions):
        return "busy"
    return None


def wanted(turn: Turn, order: Order) -> dict[str, int]:
    """The lines that a pickup is held against."""
    known = turn.state.orders.get(order.id)
    return dict(known.lines) if known is not None else lines_of(order)


def result(session: Session) -> OrderResult:
    """What has been taken of an order so far, line by line, and what was not ordered."""
    taken = basket.quantities(session)
    lines = []
    for gtin in [*session.order_lines, *(gtin for gtin in taken if gtin not in session.order_lines)]:
        asked, got = session.order_lines.get(gtin, 0), max(0, taken.get(gtin, 0))
        if asked or got:
            lines.append(OrderLineResult(gtin, asked, got, max(0, asked - got), max(0, got - asked)))
    return OrderResult(session.order or "", tuple(lines))


def require_room(turn: Turn, order: str) -> None:
    """Make room for one more order. Raises CommandRefused ``busy`` where all that are remembered may still be collected."""
    orders = turn.state.orders
    if order in orders or len(orders) < MOST:
        return
    over = _oldest_over(orders, len(orders) - MOST + 1)
    if not over:
        raise CommandRefused("busy")
    turn.note(Forgotten(orders=over))


def require_room_for_revocations(turn: Turn, jti: str | None, subject: str | None) -> None:
    """Make room for one more revocation. Raises CommandRefused ``busy`` where nothing can be forgotten safely."""
    state = turn.state
    if subject is not None and subject not in state.revoked_subject and len(state.revoked_subject) >= REVOKED_MOST:
        raise CommandRefused("busy")
    if jti is None or jti in state.revoked_jti or len(state.revoked_jti) < REVOKED_MOST:
        return
    old = tuple(code for code, wall in state.revoked_jti.items() if turn.moment.trusted and wall < turn.moment.wall - REVOKED_KEEP_S)
    if not old:
        raise CommandRefused("busy")
    turn.note(Forgotten(revocations=old))


def expired(orders: Mapping[str, OrderState], wall: float) -> tuple[str, ...]:
    """The orders that are forgotten at a Unix time that is trusted: the old ones, and those that are over where there are too many."""
    old = tuple(id_ for id_, order in orders.items() if order.changed_wall < wall - KEEP_S)
    return old or _oldest_over(orders, len(orders) - MOST)


def _oldest_over(orders: Mapping[str, OrderState], count: int) -> tuple[str, ...]:
    """So many of the orders that have been picked up, oldest first, as far as there are any."""
    if count <= 0:
        return ()
    return tuple(sorted((id_ for id_, each in orders.items() if each.picked_up), key=lambda id_: orders[id_].changed_wall)[:count])

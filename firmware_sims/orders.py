"""What may be asked of a simulated store over its control channel: one function an order, one table of all.

Every order is a JSON object with ``do`` and the arguments that its function reads; an argument that is missing, unknown or of
another type is refused. Times are seconds of the store's own clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firmware_sims.ds18b20 import Ds18b20
from firmware_sims.faults import Babble, Corrupt, Delay, Drop, Fault, Freeze, Merge, Split
from firmware_sims.goods import Impossible, Item
from firmware_sims.modbus_registers import Thermometer
from firmware_sims.modbus_relay import RelayBoard
from firmware_sims.physics import Plate
from firmware_sims.plan import gtin14
from firmware_sims.radio import BOTTLE_DB
from firmware_sims.shelf_board import ShelfBoard
from firmware_sims.world import Equipment, World

MOST_ITEMS = 200
MOST_SECONDS = 86_400.0
LONGEST_CODE = 4096
MISSING: Any = object()


class Order:
    """The arguments of one order; each getter takes its argument away, so that what is left at the end is unknown."""

    def __init__(self, message: dict[str, Any]) -> None:
        self._left = {name: value for name, value in message.items() if name != "do"}

    def text(self, name: str, default: Any = MISSING) -> Any:
        return self._get(name, str, default)

    def flag(self, name: str, default: Any = MISSING) -> Any:
        return self._get(name, bool, default)

    def count(self, name: str, default: Any = MISSING, least: int = 0, most: int = MOST_ITEMS) -> Any:
        value = self._get(name, int, default)
        if not isinstance(value, bool) and (value is default or least <= value <= most):
            return value
        raise Impossible(f"{name} is {least}-{most}")

    def number(self, name: str, default: Any = MISSING, least: float = -1e6, most: float = 1e6) -> Any:
        value = self._get(name, (int, float), default)
        if value is default:
            return value
        if isinstance(value, bool) or not least <= value <= most:
            raise Impossible(f"{name} is {least:g} to {most:g}")
        return float(value)

    def seconds(self, name: str, default: Any = MISSING) -> Any:
        return self.number(name, default, 0.0, MOST_SECONDS)

    def gtin(self) -> str | None:
        gtin = self.text("gtin", None)
        return None if gtin is None else gtin14(gtin)

    def finish(self) -> None:
        """Refuse what nobody asked for."""
        if self._left:
            raise Impossible(f"unknown argument {', '.join(sorted(self._left))}")

    def _get(self, name: str, kind: type | tuple[type, ...], default: Any) -> Any:
        value = self._left.pop(name, default)
        if value is MISSING:
            raise Impossible(f"{name} is missing")
        if value is not default and not isinstance(value, kind):
            raise Impossible(f"{name} has the wrong type")
        return value


Result = dict[str, Any]
Obey = Callable[[World, Order], Result]


def obey(world: World, message: dict[str, Any]) -> Result:
    """Do what is asked; the answer has ``ok``, and what the order gives or ``error``."""
    name = message.get("do")
    order = ORDERS.get(name) if isinstance(name, str) else None
    if order is None:
        return {"ok": False, "error": f"no order {name!r}; there are {', '.join(sorted(ORDERS))}"}
    try:
        return {"ok": True, **order(world, Order(message))}
    except Impossible as reason:
        return {"ok": False, "error": str(reason)}


def _told(items: list[Item]) -> Result:
    return {"items": [item.told() for item in items]}


def _take(world: World, order: Order) -> Result:
    slot, count, gtin = order.text("slot"), order.count("count", 1, 1), order.gtin()
    who, anyway = order.text("who", "shopper"), order.flag("anyway", False)
    order.finish()
    return _told(world.take(slot, count, gtin, who, anyway))


def _put(world: World, order: Order) -> Result:
    slot, count, gtin = order.text("slot"), order.count("count", 1, 1), order.gtin()
    who, anyway = order.text("who", "shopper"), order.flag("anyway", False)
    order.finish()
    return _told(world.put(slot, count, gtin, who, anyway))


def _lean(world: World, order: Order) -> Result:
    place = world.place(order.text("slot"))
    grams, seconds = order.number("grams"), order.seconds("seconds")
    order.finish()
    place.plate.lean(grams, seconds)
    return {}


def _open(world: World, order: Order) -> Result:
    zone, lock = order.text("zone"), order.text("lock", None)
    order.finish()
    world.open(zone, lock)
    return {}


def _force(world: World, order: Order) -> Result:
    zone, lock = order.text("zone"), order.text("lock", None)
    order.finish()
    world.open(zone, lock, by_force=True)
    return {}


def _close(world: World, order: Order) -> Result:
    zone, lock = order.text("zone"), order.text("lock", None)
    order.finish()
    world.close(zone, lock)
    return {}


def _show(world: World, order: Order) -> Result:
    reader = world.device(order.text("reader"))
    code, hold_s = order.text("code"), order.seconds("hold_s", 0.0)
    order.finish()
    if reader.kind != "reader":
        raise Impossible(f"{reader.id} is no reader")
    if len(code) > LONGEST_CODE:
        raise Impossible(f"a code has at most {LONGEST_CODE} characters")
    try:
        reader.firmware.show(code, hold_s)
    except ValueError as reason:
        raise Impossible(str(reason)) from reason
    return {}


def _air(world: World, order: Order) -> Result:
    fridge = world.zone(order.text("zone")).fridge
    celsius, for_s = order.number("celsius", least=-60, most=120), order.seconds("for_s", None)
    order.finish()
    if for_s is None:
        fridge.become(celsius)
    else:
        fridge.hold(celsius, for_s)
    return {}


def _compressor(world: World, order: Order) -> Result:
    fridge, broken = world.zone(order.text("zone")).fridge, order.flag("broken")
    order.finish()
    fridge.broken = broken
    return {}


def _plug(world: World, order: Order) -> Result:
    device = world.device(order.text("device"))
    order.finish()
    _join(world, device)
    return {}


def _join(world: World, device: Equipment) -> None:
    world.pins.cut.difference_update(device.pins)
    if device.link is not None:
        device.link.plug()


def _unplug(world: World, order: Order) -> Result:
    device, for_s = world.device(order.text("device")), order.seconds("for_s", None)
    order.finish()
    if for_s is not None:
        world.later(for_s, lambda: _join(world, device))
    world.pins.cut.update(device.pins)
    if device.link is not None:
        device.link.unplug()
    return {}


def _power_cycle(world: World, order: Order) -> Result:
    device = world.device(order.text("device"))
    order.finish()
    if device.sim is None:
        raise Impossible(f"{device.id} has no power of its own")
    device.sim.power_cycle()
    return {}


def _input(world: World, order: Order) -> Result:
    name, active, for_s = order.text("input"), order.flag("active"), order.seconds("for_s", None)
    order.finish()
    if for_s is not None:
        world.later(for_s, lambda: world.set_input(name, not active))
    world.set_input(name, active)
    return {}


def _exit_button(world: World, order: Order) -> Result:
    door, hold_s = world.lock(order.text("lock")), order.seconds("hold_s", 1.0)
    order.finish()
    door.exit_pressed_s = hold_s
    return {}


def _jam(world: World, order: Order) -> Result:
    door, jammed = world.lock(order.text("lock")), order.flag("jammed", True)
    order.finish()
    door.jammed = jammed
    return {}


def _epc(order: Order) -> str:
    epc = str(order.text("epc")).lower()
    try:
        size = len(bytes.fromhex(epc))
    except ValueError as reason:
        raise Impossible("an EPC is hexadecimal") from reason
    if size % 2 or not 2 <= size <= 62:
        raise Impossible("an EPC has 1-31 words of 16 bits")
    return epc


def _tag_add(world: World, order: Order) -> Result:
    zone, epc = world.zone(order.text("zone")), _epc(order)
    order.finish()
    zone.loose_tags.add(epc)
    return {}


def _tag_remove(world: World, order: Order) -> Result:
    """Take a loose tag away, or tear one off an item."""
    zone, epc = world.zone(order.text("zone")), _epc(order)
    order.finish()
    items = [item for place in world.places.values() for item in place.items if item.epc == epc]
    if epc not in zone.loose_tags and not items:
        raise Impossible(f"no tag {epc} in {zone.id}")
    zone.loose_tags.discard(epc)
    for item in items:
        item.epc = None
    return {}


def _tag_hide(world: World, order: Order) -> Result:
    """Put a full bottle, or what takes so many ``decibels``, before a tag; with ``hidden`` false take it away again."""
    epc, decibels, hidden = bytes.fromhex(_epc(order)), order.number("decibels", BOTTLE_DB, 0.0, 100.0), order.flag("hidden", True)
    order.finish()
    if hidden:
        world.air.hide(epc, decibels)
    else:
        world.air.reveal(epc)
    return {}


def _state(world: World, order: Order) -> Result:
    order.finish()
    return {"state": world.truth()}


def _hand(world: World, order: Order) -> Result:
    who = order.text("who", "shopper")
    order.finish()
    return _told(world.hand(who))


def _leave(world: World, order: Order) -> Result:
    who = order.text("who", "shopper")
    order.finish()
    return _told(world.leave(who))


def _layout(world: World, order: Order) -> Result:
    """What a shopper sees of the store before he comes in."""
    order.finish()
    places = world.places.values()
    return {
        "zones": {zone.id: {"kind": zone.kind, "inside": zone.inside, "locks": list(zone.doors)} for zone in world.zones.values()},
        "slots": {place.id: {"zone": place.zone, "products": list(place.products), "capacity": place.capacity} for place in places},
        "products": {
            product.gtin: {"name": product.name, "grams": product.grams, "price_minor": product.price_minor}
            for product in world.plan.products.values()
        },
        "readers": {device.id: device.zone for device in world.devices.values() if device.kind == "reader"},
    }


def _fault(world: World, order: Order) -> Result:
    """``kind`` is one of the wire's faults, one of the device's own, ``reboot`` (in mid frame) or ``none`` (all faults end)."""
    device, kind, for_s = world.device(order.text("device")), order.text("kind"), order.seconds("for_s", None)
    if kind == "none":
        order.finish()
        _heal(world, device)
    elif kind == "reboot" and device.sim is not None:
        order.finish()
        device.sim.reboot_in_mid_frame()
    elif kind in WIRE_FAULTS and device.sim is not None:
        fault = WIRE_FAULTS[kind](order, f"{world.seed} {device.id}")
        order.finish()
        device.sim.add(kind, fault, for_s)
    else:
        end = _own_fault(world, device, kind, order)
        order.finish()
        if for_s is not None:
            world.later(for_s, end)
    return {}


WIRE_FAULTS: dict[str, Callable[[Order, str], Fault]] = {
    "split": lambda order, seed: Split(order.count("bytes", 3, 1)),
    "merge": lambda order, seed: Merge(order.seconds("seconds", 0.5)),
    "delay": lambda order, seed: Delay(order.seconds("seconds", 0.3)),
    "corrupt": lambda order, seed: Corrupt(order.number("rate", 0.01, 0, 1), seed),
    "drop": lambda order, seed: Drop(order.number("rate", 0.01, 0, 1), seed),
    "babble": lambda order, seed: Babble(order.count("bytes", 20, 1), seed),
    "freeze": lambda order, seed: Freeze(),
}


def _own_fault(world: World, device: Equipment, kind: str, order: Order) -> Callable[[], None]:
    """Give a device a fault that its wire does not have; what is returned ends it."""
    firmware = device.firmware
    if kind in ("noise", "wrong_value", "stuck", "no_answer") and device.plates:
        channel = order.count("channel", 1, 1, len(device.plates))
        if kind == "no_answer":
            return _no_answer(firmware, channel)
        return _plate_fault(device.plates[channel - 1], kind, order)
    match kind, firmware:
        case ("wrong_value", Ds18b20()):
            firmware.wrong_celsius = order.number("celsius", 127.9375, -127, 128)
            firmware.trouble = "wrong_value"
            return lambda: setattr(firmware, "trouble", None)
        case ("crc" | "power_up" | "zeros", Ds18b20()):
            firmware.trouble = kind
            return lambda: setattr(firmware, "trouble", None)
        case ("wrong_value", Thermometer()):
            firmware.wrong_celsius = order.number("celsius", -127.0, -3276, 3276)
            return lambda: setattr(firmware, "wrong_celsius", None)
        case ("refuse", RelayBoard()):
            firmware.refuse_with = order.count("code", 4, 1, 11)
            return lambda: setattr(firmware, "refuse_with", None)
        case ("cut", _) if device.pins:
            world.pins.cut.update(device.pins)
            return lambda: world.pins.cut.difference_update(device.pins)
    raise Impossible(f"{device.id} has no fault {kind}")


def _no_answer(board: Any, channel: int) -> Callable[[], None]:
    if not isinstance(board, ShelfBoard):
        raise Impossible("only a shelf board has converters that do not answer")
    board.silent_channels.add(channel - 1)
    return lambda: board.silent_channels.discard(channel - 1)


def _plate_fault(plate: Plate, kind: str, order: Order) -> Callable[[], None]:
    match kind:
        case "noise":
            plate.fault_noise_g = order.number("grams", 50.0, 0)
            return lambda: setattr(plate, "fault_noise_g", 0.0)
        case "wrong_value":
            plate.bias_g = order.number("grams")
            return lambda: setattr(plate, "bias_g", 0.0)
        case _:
            plate.stuck = True
            return lambda: setattr(plate, "stuck", False)


def _heal(world: World, device: Equipment) -> None:
    if device.sim is not None:
        device.sim.clear()
    for plate in device.plates:
        plate.bias_g = plate.fault_noise_g = 0.0
        plate.stuck = False
    world.pins.cut.difference_update(device.pins)
    match device.firmware:
        case ShelfBoard() as board:
            board.silent_channels.clear()
        case Ds18b20() as probe:
            probe.trouble = None
        case Thermometer() as transmitter:
            transmitter.wrong_celsius = None
        case RelayBoard() as relays:
            relays.refuse_with = None


ORDERS: dict[str, Obey] = {
    "take": _take,
    "put": _put,
    "lean": _lean,
    "open": _open,
    "try_open": _open,
    "force": _force,
    "close": _close,
    "show": _show,
    "warm": _air,
    "cool": _air,
    "heat": _air,
    "compressor": _compressor,
    "plug": _plug,
    "unplug": _unplug,
    "power_cycle": _power_cycle,
    "fault": _fault,
    "input": _input,
    "exit_button": _exit_button,
    "jam": _jam,
    "tag_add": _tag_add,
    "tag_hide": _tag_hide,
    "tag_remove": _tag_remove,
    "state": _state,
    "hand": _hand,
    "leave": _leave,
    "layout": _layout,
}

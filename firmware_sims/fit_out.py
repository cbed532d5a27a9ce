"""Fits a store out with simulated devices, one for each of the configuration, and hangs those that share a port on one line.

How contacts are wired, in Modbus boards and on pins alike (an input reads 1 when its wire is closed):

- a door contact with ``contact_normally = "open"`` is closed while the door is closed, with ``"closed"`` while it is open;
- a bolt contact is closed while the bolt is out (locked); an exit button is closed while it is pressed;
- an input with ``normally = "closed"`` opens when something is the matter, with ``"open"`` it closes.

Raw counts are ``zero_counts + grams * counts_per_gram`` of the configuration; a shelf board that has none has 420 counts a gram from
8388 (a 20 kg plate on four cells at gain 128), and a Modbus transmitter one count a gram from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firmware_sims.door import Door
from firmware_sims.ds18b20 import Ds18b20
from firmware_sims.faults import Faulty
from firmware_sims.gm65 import Gm65
from firmware_sims.goods import Place
from firmware_sims.line_reader import LineReader
from firmware_sims.llrp import LlrpReader
from firmware_sims.modbus import RtuSlave, TcpSlaves, Unit
from firmware_sims.modbus_registers import LoadCellTransmitter, Thermometer
from firmware_sims.modbus_relay import RelayBoard
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.osdp import KEY_BYTES, OsdpDevice
from firmware_sims.physics import Plate, PlateNature
from firmware_sims.plan import Plan, Table, gtin14
from firmware_sims.r200 import R200
from firmware_sims.rdm6300 import Rdm6300
from firmware_sims.shelf_board import ShelfBoard
from firmware_sims.sim import Bus, Load, Recorded, Session, Sim
from firmware_sims.stream import Dialect, StreamScale
from firmware_sims.uhfreader18 import UhfReader18
from firmware_sims.wiegand import WiegandBridge
from firmware_sims.world import Contact, Equipment, World

BOARD_COUNTS_PER_GRAM = 420.0
BOARD_ZERO_COUNTS = 8388.0
BOARD_MOST_COUNTS = 0x7FFFFF
FULL = 0.9
"""A plate is filled to this part of what it can carry, whatever the slot's capacity says."""
CAPACITY_G = 30_000.0
OSDP_INPUTS = 8
READERS: dict[str, Callable[[], Sim]] = {"gm65": Gm65, "line": LineReader, "rdm6300": Rdm6300, "wiegand": WiegandBridge}


class NotSimulated(ValueError):
    """The configuration has a device that there is no simulated firmware for."""


@dataclass
class Line:
    """One port of the configuration and what hangs on it. ``serial`` is a 1-wire probe's, ``session`` a socket device's."""

    port: str
    devices: list[str] = field(default_factory=list)
    sims: list[Sim] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    serial: str | None = None
    session: Session | None = None

    @property
    def sim(self) -> Sim:
        return self.sims[0] if len(self.sims) == 1 else Bus(self.sims)


@dataclass(frozen=True, slots=True)
class Options:
    """How the store is to be: ``fill`` is the part of each slot's capacity that stands there at the start."""

    seed: int = 0
    glitches: bool = True
    noise: bool = True
    fill: float = 1.0
    stock: dict[str, int] = field(default_factory=dict)
    dialects: dict[str, Dialect] = field(default_factory=dict)
    recordings: dict[str, Sequence[float]] = field(default_factory=dict)
    """Grams by scale: the first plate of this scale feels the recording, one sample a conversion, and nothing else."""


def fit_out(plan: Plan, options: Options = Options()) -> tuple[World, list[Line]]:
    """Build the store and its lines. Raises NotSimulated."""
    fitter = _Fitter(plan, options)
    for table in plan.each("scale"):
        fitter.scale(table)
    for table in plan.each("slot"):
        fitter.slot(table)
    for table in plan.each("lock"):
        fitter.lock(table)
    for table in plan.each("input"):
        fitter.input(table)
    for table in plan.each("rfid"):
        fitter.rfid(table)
    for table in plan.each("thermometer"):
        fitter.thermometer(table)
    for table in plan.each("reader"):
        fitter.reader(table)
    return fitter.world, list(fitter.lines.values())


class _Fitter:
    def __init__(self, plan: Plan, options: Options) -> None:
        self.world = World(plan, options.seed)
        self.lines: dict[str, Line] = {}
        self._options = options
        self._plates: dict[tuple[str, int], Plate] = {}
        self._carries_g: dict[str, float] = {}
        self._osdp: dict[tuple[str, int], tuple[OsdpDevice, Faulty, dict[int, Door]]] = {}
        self._boards: dict[tuple[str, int], tuple[RelayBoard, Faulty, dict[int, Callable[[], bool]], dict[int, Door]]] = {}

    def scale(self, table: Table) -> None:
        count = table.get("channels", 1)
        plates = [self._plate(table, channel) for channel in range(1, count + 1)]
        loads: list[Load] = list(plates)
        if table["id"] in self._options.recordings:
            loads[0] = Recorded(self._options.recordings[table["id"]])
        per_gram, zero = _calibration(table, count)
        rate_hz = float(table.get("rate_hz", 10))
        capacity_g = float(table.get("capacity_g", CAPACITY_G))
        name, serial = table["id"], f"{sum(table['id'].encode()):08d}"
        match table["driver"]:
            case "mt-sics":
                self._alone(table, "scale", MtSicsScale(loads[0], serial=serial, capacity_g=capacity_g, rate_hz=rate_hz), plates)
            case "stream":
                dialect = self._options.dialects.get(name, "a&d")
                stable_bit = table.get("stable_bit", 1)
                scale = StreamScale(loads[0], dialect, rate_hz=rate_hz, capacity_g=capacity_g, stable_bit=stable_bit)
                self._alone(table, "scale", scale, plates)
            case "shelf-board":
                capacity_g = min(capacity_g, *[abs((BOARD_MOST_COUNTS - zero[0]) / each) for each in per_gram])
                board = ShelfBoard(loads, counts_per_gram=per_gram, zero_counts=zero, serial=serial.encode()[-8:])
                self._alone(table, "scale", board, plates)
            case "modbus-loadcell":
                divisor = float(table.get("divisor", 10.0))
                unit = LoadCellTransmitter(
                    loads,
                    table.get("unit", 1),
                    counts_per_gram=[each * divisor for each in per_gram],
                    zero_counts=[each * divisor for each in zero],
                    register=table.get("register", 0),
                    words=table.get("words", "big"),
                    signed=table.get("signed", True),
                    rate_hz=rate_hz,
                )
                self._modbus(table, "scale", unit, plates)
            case driver:
                raise NotSimulated(f"scale {name}: no simulated firmware for {driver}")
        self._carries_g[name] = capacity_g

    def _plate(self, table: Table, channel: int) -> Plate:
        options = self._options
        nature = PlateNature(
            noise_mad_g=0.5 if options.noise else 0.0,
            glitch_rate=0.0083 if options.glitches else 0.0,
            creep=0.0003 if options.noise else 0.0,
            drift_sd_g=2.5 if options.noise else 0.0,
        )
        plate = Plate(f"{options.seed}/{table['id']}/{channel}", nature)
        self._plates[table["id"], channel] = plate
        self.world.zone(table["zone"]).plates.append(plate)
        return plate

    def slot(self, table: Table) -> None:
        scale = next(scale for scale in self.world.plan.each("scale") if scale["id"] == table["scale"])
        plate = self._plates[scale["id"], table.get("channel", 1)]
        products = [gtin14(gtin) for gtin in table["products"]]
        capacity = table.get("capacity", 100)
        place = Place(table["id"], scale["zone"], products, capacity, plate, self._options.seed)
        wanted = self._options.stock.get(place.id, round(capacity * self._options.fill))
        items = []
        load_g = 0.0
        for number in range(wanted):
            item = self.world.cellar.bring(products[number % len(products)])
            load_g += item.grams
            if load_g > FULL * self._carries_g[scale["id"]]:
                break
            items.append(item)
        place.fill(items)
        self.world.places[place.id] = place

    def lock(self, table: Table) -> None:
        door = Door(table.get("fail", "secure"))
        self.world.zone(table["zone"]).doors[table["id"]] = door
        closed_when_closed = table.get("contact_normally", "open") == "open"
        wires: dict[str, Callable[[], bool]] = {
            "contact": lambda: door.open != closed_when_closed,
            "bolt": lambda: door.bolt_out,
            "exit_button": lambda: door.exit_pressed_s > 0,
        }
        wires = {name: closed for name, closed in wires.items() if name in table}
        match table["driver"]:
            case "modbus-relay":
                self._relays(table, "lock", table["relay"], {table[name]: closed for name, closed in wires.items()}, door)
            case "osdp":
                self._osdp_device(table, "lock", {table[name]: closed for name, closed in wires.items()}, table["relay"], door)
            case "gpio":
                active_level = int(table.get("active_high", True))

                def driven(level: int | None) -> None:
                    door.energised = level == active_level

                door.energised = False
                self.world.pins.output(table["relay"], driven)
                for name, closed in wires.items():
                    self.world.pins.contact(table[name], closed)
                pins = tuple(table[name] for name in wires)
                self._add(Equipment(table["id"], "lock", "gpio", table["zone"], door, pins=pins))
            case driver:
                raise NotSimulated(f"lock {table['id']}: no simulated firmware for {driver}")

    def input(self, table: Table) -> None:
        contact = Contact(table["kind"], tuple(table["zones"]), table.get("normally", "open"))
        self.world.contacts[table["id"]] = contact
        match table["driver"]:
            case "gpio":
                self.world.pins.contact(table["pin"], contact.closed)
                self._add(Equipment(table["id"], "input", "gpio", None, contact, pins=(table["pin"],)))
            case "modbus-relay":
                self._relays(table, "input", None, {table["input"]: contact.closed}, None)
            case "osdp":
                self._osdp_device(table, "input", {table["input"]: contact.closed})
            case driver:
                raise NotSimulated(f"input {table['id']}: no simulated firmware for {driver}")

    def rfid(self, table: Table) -> None:
        zone, seed = table["zone"], self._options.seed

        def tags() -> list[bytes]:
            return self.world.tags(zone)

        match table["driver"]:
            case "r200":
                self._alone(table, "rfid", R200(tags, seed=seed))
            case "uhfreader18":
                self._alone(table, "rfid", UhfReader18(tags, seed=seed))
            case "llrp":
                reader = LlrpReader(tags, seed=seed)
                self._alone(table, "rfid", reader)
                self.lines[table["port"]].session = reader
            case driver:
                raise NotSimulated(f"rfid {table['id']}: no simulated firmware for {driver}")

    def thermometer(self, table: Table) -> None:
        fridge = self.world.zone(table["zone"]).fridge

        def celsius() -> float:
            return fridge.celsius

        match table["driver"]:
            case "ds18b20":
                probe = Ds18b20(celsius)
                port = f"sysfs:{table['serial']}"
                self._alone({**table, "port": port}, "thermometer", probe)
                self.lines[port].serial = table["serial"]
            case "modbus":
                divisor = float(table.get("divisor", 10.0))
                unit = Thermometer(celsius, table.get("unit", 1), register=table.get("register", 1), divisor=divisor)
                self._modbus(table, "thermometer", unit)
            case driver:
                raise NotSimulated(f"thermometer {table['id']}: no simulated firmware for {driver}")

    def reader(self, table: Table) -> None:
        if table["driver"] == "osdp":
            self._osdp_device(table, "reader")
            return
        make = READERS.get(table["driver"])
        if make is None:
            raise NotSimulated(f"reader {table['id']}: no simulated firmware for {table['driver']}")
        self._alone(table, "reader", make())

    def _add(self, device: Equipment) -> None:
        self.world.devices[device.id] = device

    def _alone(self, table: Table, kind: str, firmware: Sim, plates: Sequence[Plate] = ()) -> None:
        """A device that has its port to itself."""
        sim = Faulty(firmware)
        line = self.lines.setdefault(table["port"], Line(table["port"]))
        line.sims.append(sim)
        line.devices.append(table["id"])
        self._add(Equipment(table["id"], kind, table["driver"], table["zone"], firmware, sim, tuple(plates)))

    def _modbus(self, table: Table, kind: str, unit: Unit, plates: Sequence[Plate] = ()) -> Faulty:
        """A unit on a Modbus line; on TCP all units of a port are behind one socket, and have their faults together."""
        line = self.lines.setdefault(table["port"], Line(table["port"]))
        line.units.append(unit)
        if not table["port"].startswith("tcp:"):
            sim = Faulty(RtuSlave(unit))
            line.sims.append(sim)
        elif line.sims and isinstance(line.sims[0], Faulty):
            sim = line.sims[0]
            sim.sim = TcpSlaves(line.units)
        else:
            sim = Faulty(TcpSlaves(line.units))
            line.sims.append(sim)
        line.devices.append(table["id"])
        self._add(Equipment(table["id"], kind, table["driver"], table.get("zone"), unit, sim, tuple(plates)))
        return sim

    def _osdp_device(
        self,
        table: Table,
        kind: str,
        inputs: dict[int, Callable[[], bool]] | None = None,
        output: int | None = None,
        door: Door | None = None,
    ) -> None:
        """A device with reader, outputs and inputs in one: a lock and a reader with the same port and address are parts of it."""
        key = table["port"], table.get("address", 0)
        if key not in self._osdp:
            doors: dict[int, Door] = {}
            device = OsdpDevice(
                key[1],
                _key(self.world.plan.folder / table["key_file"]),
                inputs=[_never] * OSDP_INPUTS,
                output_moved=lambda number, energised: _drive(doors.get(number), energised),
            )
            sim = Faulty(device)
            self.lines.setdefault(table["port"], Line(table["port"])).sims.append(sim)
            self._osdp[key] = device, sim, doors
        device, sim, doors = self._osdp[key]
        self.lines[table["port"]].devices.append(table["id"])
        for number, closed in (inputs or {}).items():
            device.inputs[number] = closed
        if output is not None and door is not None:
            doors[output] = door
            door.energised = False
        self._add(Equipment(table["id"], kind, "osdp", table.get("zone"), device, sim))

    def _relays(self, table: Table, kind: str, relay: int | None, inputs: dict[int, Callable[[], bool]], door: Door | None) -> None:
        """Part of a relay board: boards are shared by locks and inputs with the same port and unit."""
        key = table["port"], table.get("unit", 1)
        if key in self._boards:
            board, sim, wires, doors = self._boards[key]
            self.lines[table["port"]].devices.append(table["id"])
            self._add(Equipment(table["id"], kind, table["driver"], table.get("zone"), board, sim))
        else:
            wires, doors = {}, {}
            board = RelayBoard(
                key[1],
                input_closed=lambda number: number in wires and wires[number](),
                relay_moved=lambda number, energised: _drive(doors.get(number), energised),
            )
            sim = self._modbus(table, kind, board)
            self._boards[key] = board, sim, wires, doors
        wires.update(inputs)
        board.has(relays=(relay or 0) + 1, inputs=max(inputs, default=0) + 1)
        if relay is not None and door is not None:
            doors[relay] = door
            door.energised = False


def _never() -> bool:
    return False


def _key(file: Path) -> bytes:
    """A secure channel's key: 32 hexadecimal digits. Raises ValueError, OSError."""
    key = bytes.fromhex(file.read_text(encoding="utf-8").strip())
    if len(key) != KEY_BYTES:
        raise ValueError(f"{file}: a key has 32 hexadecimal digits")
    return key


def _drive(door: Door | None, energised: bool) -> None:
    if door is not None:
        door.energised = energised


def _calibration(table: Table, channels: int) -> tuple[list[float], list[float]]:
    board = table["driver"] == "shelf-board" and "counts_per_gram" not in table
    per_gram = table.get("counts_per_gram", BOARD_COUNTS_PER_GRAM if board else 1.0)
    zero = table.get("zero_counts", BOARD_ZERO_COUNTS if board else 0.0)
    return _each(per_gram, channels), _each(zero, channels)


def _each(value: float | list[float], channels: int) -> list[float]:
    return [float(each) for each in value] if isinstance(value, list) else [float(value)] * channels

"""The layout of a store: what the configuration says there is. One frozen model a table of the configuration file.

These are the models that the configuration is read with and that the JSON Schema is generated from; rules that need more than
one table (dangling ids, shared pins) are in ``config``. Seconds, grams and degrees Celsius throughout.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo, field_validator

from device.domain.degraded import Degraded
from device.domain.forms import (
    Address,
    BrokerUrl,
    Celsius,
    ClientId,
    FilePath,
    HoursText,
    Id,
    ListenAddress,
    Name,
    Options,
    OsdpAddress,
    OsdpNumber,
    PerGram,
    Pin,
    Port,
    Timezone,
    TopicRoot,
    Unit,
    Zeros,
    distinct,
    matching,
)
from device.domain.law import SalesRule, SpecialDay
from device.domain.port import SysfsAddress
from device.domain.products import normalise_gtin
from device.domain.table import Table as Table

Gtin = Annotated[str, AfterValidator(normalise_gtin)]
Direction = Literal["in", "out", "both"]
InputKind = Literal["fire", "exit", "tamper", "mains", "presence"]
Contact = Literal["closed", "open"]
Kind = Literal["lock", "scale", "rfid", "thermometer", "reader", "input"]
"""The tables that hold devices."""

ForeignName = Annotated[
    str, *matching(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", "a driver of another package has a name with a dot in it, as that package calls it")
]


class StoreIdentity(Table):
    id: Annotated[str, *matching("[a-z0-9-]{1,64}", "1-64 of a-z 0-9 -")]
    name: Name
    timezone: Timezone
    currency: Annotated[str, *matching("[A-Z]{3}", "three capitals, ISO 4217")]
    jurisdiction: FilePath | None = None


class Mqtt(Table):
    url: BrokerUrl
    topic: TopicRoot = "smartstore/{store}"
    protocol: Literal[5, 4] = 5
    username: Annotated[str, Field(min_length=1)] | None = None
    password_file: FilePath | None = None
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    keepalive_s: Annotated[int, Field(ge=2, le=3600)] = 10
    client_id: ClientId = "smartstore-{store}"
    homeassistant: bool = False
    acknowledge: Literal["broker", "backend"] = "broker"


class JournalSettings(Table):
    path: FilePath = Path("journal.db")
    keep_days: Annotated[int, Field(ge=1, le=36_500)] = 400
    max_mb: Annotated[int, Field(ge=4, le=1_000_000)] = 512


class Web(Table):
    listen: ListenAddress


class Access(Table):
    entry_keys: tuple[FilePath, ...] = ()
    command_keys: tuple[FilePath, ...] = ()
    signed_commands: bool = True
    issuer: Annotated[str, Field(min_length=1)] | None = None
    cards_file: FilePath | None = None
    cards_key_file: FilePath | None = None


class ClockSettings(Table):
    trust: Literal["kernel", "always"] = "kernel"


class CatalogueSettings(Table):
    file: FilePath


class ZoneTemperature(Table):
    min_celsius: Celsius
    max_celsius: Celsius
    regime: Literal["wine", "food"] = "wine"
    over_for_s: Annotated[float, Field(ge=1)] = 1800.0
    record_every_s: Annotated[float, Field(ge=1)] = 300.0
    door_grace_s: Annotated[
        float, Field(ge=0, le=3600, description="warm air that is gone so long after the door was opened is no excursion")
    ] = 300.0
    foretell_s: Annotated[float, Field(ge=0, description="alarm will_be_too_warm so long before the limit is reached; 0: never")] = 3600.0
    duty_limit: Annotated[float, Field(gt=0, le=1, description="alarm cooling_strained when the compressor runs for more of the time")] = (
        0.8
    )
    swing_celsius: Annotated[
        float, Field(ge=0, description="alarm temperature_swing when the means of two hours within 24 lie further apart; 0: never")
    ] = 5.0
    probes_apart_celsius: Annotated[
        float, Field(gt=0, description="two thermometers of the zone whose means of an hour are further apart are not both right")
    ] = 3.0

    @field_validator("max_celsius")
    @classmethod
    def _over_min(cls, value: float, info: ValidationInfo) -> float:
        if value <= info.data.get("min_celsius", -math.inf):
            raise ValueError(f"must be over min_celsius, which is {info.data['min_celsius']:g}")
        return value


class Zone(Table):
    id: Id
    name: Name = ""
    kind: Literal["cabinet", "room"] = "cabinet"
    inside: Id | None = None
    sales_hours: tuple[HoursText, ...] | None = None
    pickup_hours: tuple[HoursText, ...] | None = None
    age_limit: Annotated[int, Field(ge=0, le=120)] = 0
    unlock_window_s: Annotated[float, Field(ge=1)] = 15.0
    door_held_s: Annotated[float, Field(ge=1)] = 60.0
    max_session_s: Annotated[float, Field(ge=1)] = 1800.0
    closing_grace_s: Annotated[float, Field(ge=0, le=86_400)] = 600.0
    settle_s: Annotated[float, Field(ge=0.5)] = 2.0
    review_below: Annotated[float, Field(ge=0, le=1)] = 0.99
    max_sessions: Annotated[int, Field(ge=1, le=1000)] = 1
    temperature: ZoneTemperature | None = None
    degraded: Degraded | None = None


class _Lock(Table):
    id: Id
    zone: Id
    fail: Annotated[
        Literal["secure", "safe"],
        Field(description="secure: power off locks, energised is unlocked; safe: energised is locked"),
    ] = "secure"
    relock: Literal["on_close", "on_open"] = "on_close"
    contact_normally: Annotated[
        Contact,
        Field(description="the wire of the door contact while the door is open: open, so that a closed door is an active input, or closed"),
    ] = "open"

    def unlocked(self, energised: bool) -> bool:
        """What the relay's state means for the bolt."""
        return energised == (self.fail == "secure")


class ModbusLock(_Lock):
    driver: Literal["modbus-relay"]
    port: Port
    unit: Unit = 1
    relay: Address
    contact: Address
    bolt: Address | None = None
    exit_button: Address | None = None


class GpioLock(_Lock):
    driver: Literal["gpio"]
    relay: Pin
    contact: Pin
    bolt: Pin | None = None
    exit_button: Pin | None = None
    active_high: bool = True


class OsdpLock(_Lock):
    driver: Literal["osdp"]
    port: Port
    address: OsdpAddress = 0
    key_file: FilePath
    relay: OsdpNumber
    contact: OsdpNumber
    bolt: OsdpNumber | None = None
    exit_button: OsdpNumber | None = None


class MtSicsScale(Table):
    id: Id
    zone: Id
    driver: Literal["mt-sics"]
    port: Port
    channels: Literal[1] = 1
    rate_hz: Annotated[float, Field(ge=1, le=100)] = 10.0
    capacity_g: Annotated[float, Field(gt=0)] | None = None


class StreamScale(Table):
    id: Id
    zone: Id
    driver: Literal["stream"]
    port: Port
    channels: Literal[1] = 1
    rate_hz: Annotated[float, Field(ge=1, le=100)] = 10.0
    capacity_g: Annotated[float, Field(gt=0)] | None = None
    stable_bit: Annotated[
        Literal[0, 1],
        Field(description="NCI only: the value of status byte 1, bit 0, that means stable; vendors disagree"),
    ] = 1


class ShelfBoardScale(Table):
    id: Id
    zone: Id
    driver: Literal["shelf-board"]
    port: Port
    channels: Annotated[int, Field(ge=1, le=16)] = 1
    rate_hz: Literal[10, 80] = 10
    capacity_g: Annotated[float, Field(gt=0)] | None = None
    counts_per_gram: PerGram | None = None
    zero_counts: Zeros = 0.0


class ModbusLoadcellScale(Table):
    id: Id
    zone: Id
    driver: Literal["modbus-loadcell"]
    port: Port
    unit: Unit = 1
    channels: Annotated[int, Field(ge=1, le=16)] = 1
    rate_hz: Annotated[float, Field(ge=1, le=100)] = 10.0
    capacity_g: Annotated[float, Field(gt=0)] | None = None
    counts_per_gram: PerGram | None = None
    zero_counts: Zeros = 0.0
    register_: Annotated[int, Field(ge=0, le=65535, alias="register")] = 0
    words: Literal["big", "little"] = "big"
    signed: bool = True
    divisor: Annotated[float, Field(gt=0)] = 10.0


class Slot(Table):
    id: Id
    scale: Id
    channel: Annotated[int, Field(ge=1, le=16)] = 1
    products: Annotated[tuple[Gtin, ...], Field(min_length=1), AfterValidator(distinct)]
    capacity: Annotated[int, Field(ge=1, le=100_000)] = 100
    low_at: Annotated[int, Field(ge=0)] = 0

    @field_validator("low_at")
    @classmethod
    def _within_capacity(cls, value: int, info: ValidationInfo) -> int:
        if value > info.data.get("capacity", value):
            raise ValueError(f"must not be over capacity, which is {info.data['capacity']}")
        return value


class _Rfid(Table):
    id: Id
    zone: Id
    miss_rate: Annotated[float, Field(ge=0.001, le=0.5, description="how often a round misses a tag of which nothing is known yet")] = 0.05
    weakest_dbm: Annotated[float | None, Field(ge=-100, le=0, description="weaker readings of tags that are not known are no arrivals")] = (
        None
    )


class RfidReader(_Rfid):
    driver: Literal["r200", "uhfreader18", "llrp"]
    port: Port


class _Thermometer(Table):
    id: Id
    zone: Id
    every_s: Annotated[float, Field(ge=1)] = 5.0
    offset_celsius: Annotated[float, Field(ge=-10, le=10, description="what a calibration found is to be added to what it says")] = 0.0
    frozen_after_s: Annotated[float, Field(ge=60, description="a value that has not moved by one step for so long is not believed")] = (
        14_400.0
    )
    calibration: Annotated[str, Field(max_length=200, description="when, how and by whom it was compared; stands on the report")] = ""


class Ds18b20(_Thermometer):
    driver: Literal["ds18b20"]
    serial: Annotated[str, *matching("28-[0-9a-f]{12}", "28- and 12 digits of 0-9 a-f, as the folder in /sys/bus/w1/devices is named")]
    port: Port = SysfsAddress("/sys/bus/w1/devices")


class ModbusThermometer(_Thermometer):
    driver: Literal["modbus"]
    port: Port
    unit: Unit = 1
    register_: Annotated[int, Field(ge=0, le=65535, alias="register")] = 1
    divisor: Annotated[float, Field(gt=0)] = 10.0


class CodeReader(Table):
    id: Id
    zone: Id
    driver: Literal["gm65", "rdm6300", "line", "wiegand"]
    port: Port
    direction: Direction = "in"


class OsdpReader(Table):
    id: Id
    zone: Id
    driver: Literal["osdp"]
    port: Port
    address: OsdpAddress = 0
    key_file: FilePath
    direction: Direction = "in"


class _Input(Table):
    id: Id
    zones: Annotated[tuple[Id, ...], Field(min_length=1), AfterValidator(distinct)]
    kind: InputKind
    normally: Annotated[
        Contact,
        Field(description="the wire while nothing is the matter; closed, so that a cut wire reads as an alarm"),
    ] = "open"


class GpioInput(_Input):
    driver: Literal["gpio"]
    pin: Pin


class ModbusInput(_Input):
    driver: Literal["modbus-relay"]
    port: Port
    unit: Unit = 1
    input: Address


class OsdpInput(_Input):
    driver: Literal["osdp"]
    port: Port
    address: OsdpAddress = 0
    key_file: FilePath
    input: OsdpNumber


class _Foreign(Table):
    """A device whose driver another package brings."""

    driver: ForeignName
    options: Options = Field(default_factory=dict)


class ForeignLock(_Lock, _Foreign):
    pass


class ForeignScale(_Foreign):
    """It weighs: its samples are grams."""

    id: Id
    zone: Id
    channels: Annotated[int, Field(ge=1, le=16)] = 1
    rate_hz: Annotated[float, Field(ge=1, le=100)] = 10.0
    capacity_g: Annotated[float, Field(gt=0)] | None = None


class ForeignRfid(_Rfid, _Foreign):
    pass


class ForeignThermometer(_Thermometer, _Foreign):
    pass


class ForeignReader(_Foreign):
    id: Id
    zone: Id
    direction: Direction = "in"


class ForeignInput(_Input, _Foreign):
    pass


HERE, FOREIGN = "here", "foreign"


def _origin(entry: Any) -> str:
    """Whose driver a table names: those of other packages have a dot in their names, ours have none."""
    name = entry.get("driver") if isinstance(entry, dict) else getattr(entry, "driver", None)
    return FOREIGN if isinstance(name, str) and "." in name else HERE


OurLock = ModbusLock | GpioLock | OsdpLock
Lock = OurLock | ForeignLock
OurScale = MtSicsScale | StreamScale | ShelfBoardScale | ModbusLoadcellScale
Scale = OurScale | ForeignScale
Rfid = RfidReader | ForeignRfid
OurThermometer = Ds18b20 | ModbusThermometer
Thermometer = OurThermometer | ForeignThermometer
OurReader = CodeReader | OsdpReader
Reader = OurReader | ForeignReader
OurInput = GpioInput | ModbusInput | OsdpInput
Input = OurInput | ForeignInput
Foreign = ForeignLock | ForeignScale | ForeignRfid | ForeignThermometer | ForeignReader | ForeignInput
Device = Lock | Scale | Rfid | Thermometer | Reader | Input

_OURS = Field(discriminator="driver")
_BY_ORIGIN = Discriminator(_origin)
_HERE, _FOREIGN = Tag(HERE), Tag(FOREIGN)
_LockTable = Annotated[Annotated[Annotated[OurLock, _OURS], _HERE] | Annotated[ForeignLock, _FOREIGN], _BY_ORIGIN]
_ScaleTable = Annotated[Annotated[Annotated[OurScale, _OURS], _HERE] | Annotated[ForeignScale, _FOREIGN], _BY_ORIGIN]
_RfidTable = Annotated[Annotated[RfidReader, _HERE] | Annotated[ForeignRfid, _FOREIGN], _BY_ORIGIN]
_ThermometerTable = Annotated[Annotated[Annotated[OurThermometer, _OURS], _HERE] | Annotated[ForeignThermometer, _FOREIGN], _BY_ORIGIN]
_ReaderTable = Annotated[Annotated[Annotated[OurReader, _OURS], _HERE] | Annotated[ForeignReader, _FOREIGN], _BY_ORIGIN]
_InputTable = Annotated[Annotated[Annotated[OurInput, _OURS], _HERE] | Annotated[ForeignInput, _FOREIGN], _BY_ORIGIN]


class Layout(Table):
    """The whole configuration file."""

    store: StoreIdentity
    mqtt: Mqtt
    journal: JournalSettings = JournalSettings()
    web: Web | None = None
    access: Access = Access()
    clock: ClockSettings = ClockSettings()
    catalogue: CatalogueSettings
    degraded: Degraded = Degraded()
    special_day: tuple[SpecialDay, ...] = ()
    rule: tuple[SalesRule, ...] = ()
    zone: Annotated[tuple[Zone, ...], Field(min_length=1)]
    lock: tuple[_LockTable, ...] = ()
    scale: tuple[_ScaleTable, ...] = ()
    slot: tuple[Slot, ...] = ()
    rfid: tuple[_RfidTable, ...] = ()
    thermometer: tuple[_ThermometerTable, ...] = ()
    reader: tuple[_ReaderTable, ...] = ()
    input: tuple[_InputTable, ...] = ()

    @property
    def devices(self) -> tuple[Device, ...]:
        """Everything with a driver, in the order of the file's tables."""
        return (*self.lock, *self.scale, *self.rfid, *self.thermometer, *self.reader, *self.input)

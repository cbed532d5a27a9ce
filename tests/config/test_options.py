"""Drivers of other packages in the configuration: who may name them, and who checks what they want to know."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from device.config import load
from device.domain.forms import FilePath, Port
from device.domain.layout import ForeignReader, ForeignScale
from device.domain.port import SerialAddress
from device.drivers import driver_for, foreign
from device.drivers.foreign import GROUP, ForeignDriver
from device.errors import ConfigError
from tests.config.sample import faults_of, table, written


class Options(BaseModel):
    port: Port
    gain: float = Field(1.0, gt=0)
    secret: FilePath | None = None


class Pad:
    def __init__(self, entry: ForeignScale, options: Options) -> None:
        self.id = entry.id
        self.options = options

    async def run(self, sink: object) -> None:
        raise NotImplementedError


PAD = ForeignDriver("scale", Options, Pad)
NOT_ONE = object()


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What some packages of other people offer."""
    offered = {"some.pad": "PAD", "some.thing": "NOT_ONE", "some.gap": "NOTHING"}
    points = [EntryPoint(name, f"{__name__}:{value}", GROUP) for name, value in offered.items()]
    points.append(EntryPoint("some.absent", "no_such_module:PAD", GROUP))
    monkeypatch.setattr(foreign, "entry_points", lambda group: points if group == GROUP else [])


def a_pad(*options: str, driver: str = "some.pad", kind: str = "scale") -> tuple[str, str]:
    keys = ['id = "pad"', 'zone = "room"', f'driver = "{driver}"', f"[{kind}.options]", *options]
    return "[[rfid]]", table(kind, *keys) + "[[rfid]]"


def test_its_options_are_its_own_model_with_paths_from_the_file_s_folder(tmp_path: Path) -> None:
    layout = load(written(tmp_path, a_pad('port = "serial:ttyPAD"', "gain = 2", 'secret = "pad.key"'))).layout
    scale = layout.scale[2]
    assert isinstance(scale, ForeignScale)
    assert scale.options == Options(port=SerialAddress(str(tmp_path / "ttyPAD")), gain=2.0, secret=tmp_path / "pad.key")
    driver = driver_for("scale", scale)
    assert isinstance(driver, Pad)
    assert (driver.id, driver.options) == ("pad", scale.options)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (a_pad('port = "usb:x"'), 'scale[2].options.port: "usb:x": a port is serial:PATH?baud=…'),
        (a_pad('port = "tcp:h:1"', "gain = 0"), "scale[2].options.gain: 0: must be over 0"),
        (a_pad('port = "tcp:h:1"', "gian = 1"), 'scale[2].options.gian: 1: unknown key; did you mean "gain"?'),
        (a_pad(), "scale[2].options.port: is required"),
        (
            a_pad('port = "serial:/dev/ttyPLATE"'),
            'scale[2].options.port: "serial:/dev/ttyPLATE": is the port of scale[0] ("plate") already',
        ),
        (a_pad(driver="other.pad"), "no installed package brings this driver; those that are brought: some.absent, some.gap, some.pad"),
        (a_pad(driver="some.thing"), "is no ForeignDriver"),
        (a_pad(driver="some.gap"), "cannot be loaded: "),
        (a_pad(driver="some.absent"), "cannot be loaded: No module named 'no_such_module'"),
        (a_pad(driver="some.pad", kind="reader"), 'reader[0].driver: "some.pad": is a driver for [[scale]]'),
        (a_pad(driver="Some.Pad"), 'scale[2].driver: "Some.Pad": a driver of another package has a name with a dot in it'),
        (a_pad(driver="some_pad"), 'scale[2].driver: "some_pad": must be one of "mt-sics", "stream"'),
    ],
)
def test_a_fault_in_it_is_told_where_it_is(edit: tuple[str, str], told: str, tmp_path: Path) -> None:
    faults = faults_of(written(tmp_path, edit))
    assert any(told in fault for fault in faults), faults


def test_what_is_common_to_its_kind_is_checked_like_ours(tmp_path: Path) -> None:
    path = written(
        tmp_path, ("[[rfid]]", table("scale", 'id = "pad"', 'zone = "nowhere"', 'driver = "some.pad"', "chanels = 2") + "[[rfid]]")
    )
    faults = faults_of(path)
    assert any('scale[2].chanels: 2: unknown key; did you mean "channels"?' in fault for fault in faults)
    assert any('scale[2].zone: "nowhere": no zone has this id' in fault for fault in faults)


def test_options_that_are_no_table_are_a_fault(tmp_path: Path) -> None:
    path = written(tmp_path, ("[[rfid]]", table("scale", 'id = "pad"', 'zone = "room"', 'driver = "some.pad"', "options = 5") + "[[rfid]]"))
    assert faults_of(path) == ["scale[2].options: 5: must be a table"]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (ForeignScale(id="pad", zone="z", driver="some.pad", options={"gain": -1}), "scale pad: options.port"),
        (ForeignScale(id="pad", zone="z", driver="no.such"), "scale pad: driver: 'no.such': no installed package"),
    ],
)
def test_an_entry_that_no_configuration_has_checked_is_checked_when_its_driver_is_made(entry: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        driver_for("scale", entry)


def test_packages_are_not_looked_through_where_nobody_names_their_drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def looked(group: str) -> list[EntryPoint]:
        raise AssertionError(group)

    monkeypatch.setattr(foreign, "entry_points", looked)
    assert faults_of(written(tmp_path)) == []
    assert ForeignReader(id="r", zone="z", driver="a.b").direction == "in"

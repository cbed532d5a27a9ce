"""Pins of the daemon's process joined to a simulated store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from gpiozero import Button, Device, OutputDevice
from gpiozero.exc import BadPinFactory

from firmware_sims.pin_wires import PinWires
from firmware_sims.pins import SOCKET_VARIABLE, SimPinFactory


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # the other side is a thread and tells nobody
            await asyncio.sleep(0.005)


class Store:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.closed = False
        self.driven: list[int | None] = []
        self.wires = PinWires()
        self.wires.contact(5, lambda: self.closed)
        self.wires.output(17, self.driven.append)
        self.server = self.wires.serve(path)

    def move(self, closed: bool) -> None:
        self.closed = closed
        self.wires.tick(0.02)


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    store = Store(tmp_path / "pins.sock")
    monkeypatch.setenv(SOCKET_VARIABLE, str(store.path))
    await store.server.open()
    yield store
    await store.server.close()


@pytest.fixture
async def factory(store: Store) -> AsyncIterator[SimPinFactory]:
    factory = await asyncio.to_thread(SimPinFactory)
    yield factory
    await asyncio.to_thread(factory.close)


async def test_gpiozero_finds_the_factory_by_its_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "smartstore-sim")
    factory = await asyncio.to_thread(Device._default_pin_factory)
    assert isinstance(factory, SimPinFactory)
    await asyncio.to_thread(factory.close)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pins of")]


@pytest.mark.parametrize("pull_up", [True, False])
async def test_a_contact_is_felt_on_another_thread_whatever_the_pull(store: Store, factory: SimPinFactory, pull_up: bool) -> None:
    seen: list[str] = []
    store.move(closed=True)
    await until(lambda: factory.closed_contact(5))
    with Button(5, pull_up=pull_up, pin_factory=factory) as button:
        assert button.is_pressed
        button.when_released = lambda: seen.append(threading.current_thread().name)
        store.move(closed=False)
        await until(lambda: seen)
        assert not button.is_pressed
        assert seen == ["pins of the simulated store"]
        store.move(closed=True)
        await until(lambda: button.is_pressed)


async def test_an_output_is_told_and_drives_nothing_once_it_is_released(store: Store, factory: SimPinFactory) -> None:
    with OutputDevice(17, pin_factory=factory) as relay:
        relay.on()
        relay.off()
    await until(lambda: store.driven[-1:] == [None])
    assert store.driven == [0, 1, 0, None]


async def test_a_cut_wire_reads_as_an_open_contact(store: Store, factory: SimPinFactory) -> None:
    store.move(closed=True)
    with Button(5, pin_factory=factory) as button:
        await until(lambda: button.is_pressed)
        store.wires.cut.add(5)
        store.wires.tick(0.02)
        await until(lambda: not button.is_pressed)


async def test_a_store_that_went_away_hears_the_outputs_when_it_is_back(store: Store, factory: SimPinFactory) -> None:
    with OutputDevice(17, pin_factory=factory) as relay:
        relay.on()
        await until(lambda: store.driven == [0, 1])
        await store.server.close()
        relay.off()
        store.driven.clear()
        await store.server.open()
        await until(lambda: store.driven == [0])


def test_without_a_store_the_factory_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SOCKET_VARIABLE, str(tmp_path / "nobody.sock"))
    with pytest.raises(BadPinFactory, match="no simulated store"):
        SimPinFactory()
    monkeypatch.delenv(SOCKET_VARIABLE)
    with pytest.raises(BadPinFactory, match=SOCKET_VARIABLE):
        SimPinFactory()

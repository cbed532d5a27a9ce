"""Pins are gpiozero's mock, driven from a second thread, as lgpio would."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

from device.domain.layout import GpioInput, GpioLock
from device.domain.readings import ContactReading, DeviceUp, InputReading, LockOutcome, NoiseReading
from device.drivers import gpio as gpio_driver
from device.drivers.gpio import GpioInputDriver, GpioLockDriver
from device.errors import DeviceGone
from device.ports import gpio as gpio_port
from tests.drivers.inbox import Inbox, running

RELAY, CONTACT, BOLT, EXIT, FIRE = 17, 27, 22, 23, 5


class Hand:
    """Somebody who closes and opens contacts, on a thread of their own."""

    def __init__(self, factory: MockFactory, thread: ThreadPoolExecutor) -> None:
        self.factory = factory
        self.thread = thread

    def pin(self, number: int) -> MockPin:
        return self.factory.pin(number)

    def closes(self, *numbers: int) -> None:
        self._do(*(self.pin(number).drive_low for number in numbers))

    def opens(self, *numbers: int) -> None:
        self._do(*(self.pin(number).drive_high for number in numbers))

    def chatters(self, number: int, times: int) -> None:
        self._do(*[self.pin(number).drive_low, self.pin(number).drive_high] * times)

    def closes_while_nobody_looks(self, number: int) -> None:
        """A moment later, when the event loop sleeps: unless it is woken it goes on sleeping."""

        def act() -> None:
            threading.Event().wait(0.05)
            self.pin(number).drive_low()

        self.thread.submit(act)

    def _do(self, *moves: Callable[[], None]) -> None:
        """All in one go: the event loop gets no turn in between."""

        def act() -> None:
            assert threading.current_thread() is not threading.main_thread()
            for move in moves:
                move()

        self.thread.submit(act).result()


@pytest.fixture
def hand() -> Iterator[Hand]:
    Device.pin_factory = MockFactory()
    with ThreadPoolExecutor(max_workers=1) as thread:
        yield Hand(Device.pin_factory, thread)
    Device.pin_factory.reset()
    Device.pin_factory = None


def a_lock(**options: object) -> GpioLockDriver:
    entry = {"id": "lock", "zone": "z", "driver": "gpio", "relay": RELAY, "contact": CONTACT, **options}
    return GpioLockDriver(GpioLock.model_validate(entry))


def an_input(**options: object) -> GpioInputDriver:
    entry = {"id": "fire", "zones": ["z"], "kind": "fire", "driver": "gpio", "pin": FIRE, **options}
    return GpioInputDriver(GpioInput.model_validate(entry))


async def outcome(inbox: Inbox, order: int) -> LockOutcome:
    await inbox.until(lambda: any(each.order == order for each in inbox.of(LockOutcome)))
    return next(each for each in inbox.of(LockOutcome) if each.order == order)


async def test_a_lock_is_up_at_once_and_says_how_it_is(hand: Hand) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(bolt=BOLT, exit_button=EXIT)):
        first = await inbox.next(ContactReading)
    assert isinstance(inbox.readings[0], DeviceUp)
    assert first[2:] == (False, False, False, False)


async def test_every_wire_tells_its_edge_from_another_thread(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio_driver, "REPEAT_S", 3600.0)
    inbox = Inbox()
    async with running(inbox, a_lock(bolt=BOLT, exit_button=EXIT)):
        await inbox.next(ContactReading)
        hand.closes(CONTACT)
        assert (await inbox.next(ContactReading))[2:] == (False, True, False, False)
        hand.closes(BOLT)
        assert (await inbox.next(ContactReading))[2:] == (False, True, True, False)
        hand.closes(EXIT)
        assert (await inbox.next(ContactReading))[2:] == (False, True, True, True)
        hand.opens(CONTACT, BOLT, EXIT)
        await inbox.next(ContactReading, lambda r: r[2:] == (False, False, False, False))


async def test_an_edge_wakes_the_event_loop(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio_driver, "REPEAT_S", 3600.0)
    inbox = Inbox()
    async with running(inbox, an_input()):
        await inbox.next(InputReading)
        hand.closes_while_nobody_looks(FIRE)
        assert (await inbox.next(InputReading)).active is True


async def test_edges_between_two_turns_of_the_loop_are_all_told_in_order_with_their_times(hand: Hand) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock()):
        await inbox.next(ContactReading)
        told = len(inbox.readings)
        hand.chatters(CONTACT, times=5)
        await inbox.until(lambda: len(inbox.readings) >= told + 10)
    edges = inbox.of(ContactReading)[1:11]
    assert [edge.closed for edge in edges] == [True, False] * 5
    assert [edge.at for edge in edges] == sorted(edge.at for edge in edges)


async def test_a_contact_that_chatters_without_end_is_bounded_and_its_last_level_is_right(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpio_driver, "REPEAT_S", 0.05)
    inbox = Inbox()
    async with running(inbox, a_lock()):
        await inbox.next(ContactReading)
        hand.chatters(CONTACT, times=gpio_port.EDGES)
        hand.closes(CONTACT)
        noise = await inbox.next(NoiseReading)
    assert noise.pieces == gpio_port.EDGES + 1
    assert inbox.of(ContactReading)[-1].closed is True


async def test_an_edge_that_was_missed_does_not_last(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio_driver, "REPEAT_S", 0.05)
    inbox = Inbox()
    async with running(inbox, a_lock()):
        await inbox.next(ContactReading)
        hand.pin(CONTACT)._change_state(False)
        await inbox.next(ContactReading, lambda r: r.closed is True)


async def test_a_reading_is_repeated_when_nothing_changes(hand: Hand) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock()):
        await inbox.until(lambda: len(inbox.of(ContactReading)) == 2)
    first, second = inbox.of(ContactReading)
    assert first[2:] == second[2:]
    assert second.at - first.at >= 0.9


@pytest.mark.parametrize("active_high", [True, False])
@pytest.mark.parametrize("fail", ["secure", "safe"])
async def test_an_order_moves_the_relay_and_is_read_back(fail: str, active_high: bool, hand: Hand) -> None:
    inbox = Inbox()
    lock = a_lock(fail=fail, active_high=active_high)
    energised_unlocks = fail == "secure"
    async with running(inbox, lock):
        await inbox.next(ContactReading)
        for order, unlock in enumerate([True, False]):
            lock.drive(order, unlock)
            assert (await outcome(inbox, order)).ok
            assert hand.pin(RELAY).state is ((unlock == energised_unlocks) == active_high)
            await inbox.until(lambda unlock=unlock: inbox.of(ContactReading)[-1].unlocked is unlock)  # type: ignore[misc]


@pytest.mark.parametrize("active_high", [True, False])
@pytest.mark.parametrize("fail", ["secure", "safe"])
async def test_an_undriven_relay_is_claimed_at_rest_and_never_energised_on_the_way(fail: str, active_high: bool, hand: Hand) -> None:
    pin = hand.pin(RELAY)
    pin.pull = "down" if active_high else "up"
    pin.clear_states()
    inbox = Inbox()
    async with running(inbox, a_lock(fail=fail, active_high=active_high)):
        assert (await inbox.next(ContactReading)).unlocked is (fail == "safe")
    assert pin.function == "input"
    assert {state.state for state in pin.states} == {not active_high}


@pytest.mark.parametrize("energised", [True, False])
async def test_a_relay_that_is_driven_already_keeps_its_level(energised: bool, hand: Hand) -> None:
    pin = hand.pin(RELAY)
    pin.function = "output"
    pin.state = energised
    pin.clear_states()
    inbox = Inbox()
    async with running(inbox, a_lock()):
        assert (await inbox.next(ContactReading)).unlocked is energised
    assert {state.state for state in pin.states} == {energised}


async def test_stopping_writes_no_level_and_gives_the_pins_back(hand: Hand) -> None:
    inbox = Inbox()
    lock = a_lock()
    async with running(inbox, lock):
        await inbox.next(ContactReading)
        lock.drive(1, unlock=True)
        assert (await outcome(inbox, 1)).ok
        hand.pin(RELAY).clear_states()
    assert [state.state for state in hand.pin(RELAY).states] == [True]
    told = len(inbox.readings)
    hand.closes(CONTACT)
    await asyncio.sleep(0)
    assert len(inbox.readings) == told
    async with running(inbox, lock):
        await inbox.next(ContactReading)


async def test_a_relay_whose_pin_does_not_follow_is_no_success(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox()
    lock = a_lock()
    async with running(inbox, lock):
        await inbox.next(ContactReading)
        monkeypatch.setattr(type(hand.pin(RELAY)), "_change_state", lambda _pin, _value: False)
        lock.drive(1, unlock=True)
        found = await outcome(inbox, 1)
    assert (found.ok, found.reason) == (False, "the pin reads back low")


async def test_eight_orders_wait_and_more_are_refused(hand: Hand) -> None:
    inbox = Inbox()
    lock = a_lock()
    async with running(inbox, lock):
        await inbox.next(ContactReading)
        for order in range(10):
            lock.drive(order, unlock=order % 2 == 0)
        await inbox.until(lambda: len(inbox.of(LockOutcome)) == 10)
    assert [o.order for o in inbox.of(LockOutcome) if o.ok] == list(range(8))
    assert {o.order: o.reason for o in inbox.of(LockOutcome) if not o.ok} == {8: "busy", 9: "busy"}
    assert hand.pin(RELAY).state is False


async def test_an_order_to_a_lock_that_is_not_open_is_refused_and_not_kept(hand: Hand) -> None:
    inbox = Inbox()
    lock = a_lock()
    lock.drive(1, unlock=True)
    async with running(inbox, lock):
        assert (await outcome(inbox, 1)).reason == "gone"
        await inbox.until(lambda: bool(inbox.of(ContactReading)))
    lock.drive(2, unlock=True)
    assert (await outcome(inbox, 2)).reason == "gone"
    async with running(inbox, lock):
        assert (await inbox.next(ContactReading)).unlocked is False


async def test_a_contact_that_is_closed_while_the_door_is_open(hand: Hand) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(contact_normally="closed")):
        assert (await inbox.next(ContactReading)).closed is True
        hand.closes(CONTACT)
        await inbox.next(ContactReading, lambda r: r.closed is False)


@pytest.mark.parametrize(("normally", "at_rest"), [("closed", True), ("open", False)])
async def test_an_input_tells_its_meaning_and_a_cut_wire_is_an_alarm_where_it_is_normally_closed(
    normally: str, at_rest: bool, hand: Hand
) -> None:
    inbox = Inbox()
    async with running(inbox, an_input(normally=normally)):
        assert (await inbox.next(InputReading)).active is at_rest
        hand.closes(FIRE)
        await inbox.next(InputReading, lambda r: r.active is not at_rest)


async def test_while_the_inbox_is_full_edges_wait_and_none_is_lost(hand: Hand) -> None:
    inbox = Inbox()
    async with running(inbox, an_input()):
        await inbox.next(InputReading)
        inbox.close_door()
        told = len(inbox.readings)
        hand.closes(FIRE)
        for _ in range(10):
            await asyncio.sleep(0)
        hand.opens(FIRE)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(inbox.readings) == told
        inbox.open_door()
        await inbox.until(lambda: len(inbox.readings) >= told + 2)
    assert [reading.active for reading in inbox.of(InputReading)[1:3]] == [True, False]


async def test_a_pin_that_another_device_has_is_gone(hand: Hand) -> None:
    inbox = Inbox()
    async with running(inbox, an_input()) as (task,):
        await inbox.next(InputReading)
        with pytest.raises(DeviceGone) as gone:
            await a_lock(contact=FIRE).run(Inbox())
        assert not task.done()
    assert "already in use" in gone.value.reason
    async with running(inbox, a_lock(contact=FIRE)):
        await inbox.next(ContactReading)


async def test_a_pin_that_the_board_does_not_have_is_gone(hand: Hand) -> None:
    with pytest.raises(DeviceGone, match="GPIO53"):
        await an_input(pin=53).run(Inbox())


async def test_a_computer_without_pins_is_told_with_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    monkeypatch.setattr(Device, "pin_factory", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DeviceGone) as gone:
            await an_input().run(Inbox())
    assert gone.value.device == "fire"
    assert "no GPIO here" in gone.value.reason
    assert "lgpio" in gone.value.reason


async def test_an_unknown_pin_factory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "no-such")
    monkeypatch.setattr(Device, "pin_factory", None)
    with pytest.raises(DeviceGone, match="no-such"):
        await a_lock().run(Inbox())

"""How a device is, where it has no plates: what is told of it once, and when it is well."""

from __future__ import annotations

from device.domain.facts import DeviceDegraded
from device.domain.readings import NoiseReading
from device.sensing.health import Health

BAUD = "looks like another baud rate"


def noise(at: float, hint: str = BAUD) -> NoiseReading:
    return NoiseReading("it", at, 1, hint)


def test_of_a_device_that_never_answered_one_noise_that_looks_like_something_is_told() -> None:
    health = Health("it")
    assert health.noisy(noise(1.0, "")) == []
    assert health.noisy(noise(2.0)) == [DeviceDegraded("it", 2.0, BAUD)]
    assert health.noisy(noise(3.0)) == []


def test_of_one_that_is_there_it_takes_noise_that_lasts() -> None:
    health = Health("it")
    health.up(0.0, "")
    assert [health.noisy(noise(float(at))) for at in range(1, 5)] == [[]] * 4
    assert health.noisy(noise(5.0)) == [DeviceDegraded("it", 5.0, BAUD)]


def test_a_device_without_values_is_told_once_and_well_when_it_has_one() -> None:
    health = Health("it")
    health.up(0.0, "")
    assert health.doubt(1.0, "power_up") == [DeviceDegraded("it", 1.0, "power_up")]
    assert health.doubt(2.0, "bad_crc") == []
    assert health.complaint == "power_up"
    assert health.believe(3.0) == [DeviceDegraded("it", 3.0, None)]
    assert health.believe(4.0) == []
    assert health.complaint is None


def test_of_a_device_that_is_lost_nothing_else_is_told() -> None:
    health = Health("it")
    health.up(0.0, "")
    health.doubt(1.0, "power_up")
    health.down(2.0, "gone")
    assert health.doubt(3.0, "power_up") == []
    assert health.believe(4.0) == []


def test_a_device_with_two_complaints_is_well_when_both_are_over() -> None:
    health = Health("it")
    health.up(0.0, "")
    for at in range(1, 6):
        health.noisy(noise(float(at)))
    health.doubt(6.0, "power_up")
    assert health.complaint == "power_up"
    assert health.believe(7.0) == []
    assert health.complaint == BAUD
    health.doubt(8.0, "power_up")
    assert health.tick(100.0) == []
    assert health.believe(101.0) == [DeviceDegraded("it", 101.0, None)]

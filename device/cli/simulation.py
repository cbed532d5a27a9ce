"""Simulated firmware beside the daemon: a process that speaks each device's real protocol, and the configuration that leads to it.

A simulated store has files of its own beside the real one's journal, each named after its own: ``journal.simulated.db``, ``….hand`` (the
control channel's socket, while it runs) and ``….shelves`` (what stands on the shelves, also between two runs).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from device.config import Configuration, as_simulated
from device.domain.layout import Device, Foreign, GpioInput, GpioLock, Layout
from device.domain.port import parse_port
from device.errors import StoreError
from device.journal.reading import holder

ENDS_WITHIN_S = 5.0


def hand_of(journal: Path) -> Path:
    """Where the shopper's hand is in the simulated store that keeps this journal."""
    return journal.with_name(journal.name + ".hand")


def shelves_of(journal: Path) -> Path:
    """What stands on the shelves of the simulated store that keeps this journal."""
    return journal.with_name(journal.name + ".shelves")


def as_it_runs(configuration: Configuration) -> Configuration:
    """The configuration of the store that is up: ``as_simulated`` while its simulation is, else as it stands."""
    simulated = as_simulated(configuration)
    return simulated if holder(simulated.layout.journal.path) else configuration


class SimulationFailed(StoreError):
    """The simulated firmware did not come up."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """``configuration`` is ``as_simulated``, with the simulated ports; ``control`` is the socket of the shopper's hand."""

    configuration: Configuration
    control: Path


@contextmanager
def simulate(configuration: Configuration, seed: int = 0, control: Path | None = None) -> Iterator[Simulation]:
    """Serve simulated firmware for every device while the context is open; ``control`` is the hand's socket if not ``hand_of``.

    The shelves are as the last run left them. Raises SimulationFailed where it does not come up.
    """
    configuration = as_simulated(configuration)
    journal = configuration.layout.journal.path
    arguments = [sys.executable, "-m", "firmware_sims", str(configuration.source), "--seed", str(seed), "--with-parent"]
    arguments += ["--control", str(control or hand_of(journal)), "--shelves", str(shelves_of(journal))]
    # In a session of its own: Ctrl-C is for the daemon, which shuts the doors while its devices still answer.
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise SimulationFailed(f"the simulated firmware did not start (status {process.wait(ENDS_WITHIN_S)})")
            served = json.loads(line)
            os.environ["GPIOZERO_PIN_FACTORY"] = "smartstore-sim"
            os.environ["SMARTSTORE_SIM_PINS"] = served["pins"]
            layout = _rewired(configuration.layout, served["ports"])
            yield Simulation(replace(configuration, layout=layout), Path(served["control"]))
        finally:
            process.stdin.close()
            process.wait(ENDS_WITHIN_S)


def _rewired(layout: Layout, ports: dict[str, str]) -> Layout:
    """The same store, with every device at its simulated port."""

    def moved(device: Device) -> Device:
        if isinstance(device, GpioLock | GpioInput | Foreign):
            return device
        return device.model_copy(update={"port": parse_port(ports[device.id])})

    tables = ("lock", "scale", "rfid", "thermometer", "reader", "input")
    return layout.model_copy(update={table: tuple(moved(device) for device in getattr(layout, table)) for table in tables})

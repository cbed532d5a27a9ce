"""The unit is accepted by systemd, is as closed as promised, and lets through what the store needs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from device.engine.kernel_clock import timesyncd_clock

FOLDER = Path(__file__).parent.parent / "systemd"
UNIT = FOLDER / "smartstore.service"
analysed = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def settings(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


@analysed
def test_the_exposure_of_the_unit_is_at_most_1_3() -> None:
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=13", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-300:] + run.stderr


@analysed
def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/smartstore/bin/smartstore", "/bin/true"), encoding="utf-8")
    run = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert UNIT.name not in run.stdout + run.stderr
    assert run.returncode == 0


def test_serial_ports_and_pins_stay_usable() -> None:
    unit = settings(UNIT)
    allowed = set(unit["DeviceAllow"])
    assert {"char-ttyUSB rw", "char-ttyACM rw", "char-ttyAMA rw", "char-ttyS rw", "char-gpiochip rw"} <= allowed
    assert "PrivateDevices" not in unit
    assert {"m smartstore dialout", "m smartstore gpio"} <= set((FOLDER / "smartstore.sysusers").read_text().splitlines())


def test_the_unit_keeps_to_the_contract() -> None:
    unit = settings(UNIT)
    assert unit["Type"] == ["notify"]
    assert int(unit["WatchdogSec"][0]) > 0
    assert unit["RestartPreventExitStatus"] == ["78"]
    assert unit["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert unit["StateDirectory"] == ["smartstore"]
    assert unit["User"] == ["smartstore"]
    assert int(unit["StartLimitBurst"][0]) * int(unit["RestartSec"][0]) < int(unit["StartLimitIntervalSec"][0])


def test_what_the_program_reads_of_the_kernel_is_let_through() -> None:
    unit = settings(UNIT)
    assert "AF_UNIX" in unit["RestrictAddressFamilies"][0], "sd_notify"
    assert unit["ProcSubset"] == ["all"], "boot id and load"


def test_the_drop_in_for_other_clocks_lets_adjtimex_be_read() -> None:
    drop_in = settings(FOLDER / "other-ntp.conf")
    assert drop_in["ProtectClock"] == ["no"]
    assert drop_in["SystemCallFilter"] == ["adjtimex"]


def test_where_adjtimex_is_refused_the_clock_is_trusted_by_timesyncds_word(tmp_path: Path) -> None:
    touched = tmp_path / "synchronized"
    assert timesyncd_clock(touched, 1_000_000.0) == (False, 16.0)
    touched.touch()
    os.utime(touched, (1_000_000.0, 1_000_000.0))
    trusted, error_s = timesyncd_clock(touched, 1_002_048.0)
    assert trusted
    assert error_s == pytest.approx(1.024)
    assert timesyncd_clock(touched, 1_000_000.0 + 9 * 3600)[0] is False

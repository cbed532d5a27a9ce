"""``smartstore check``, as it is called."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cli.typed import Typed, typed
from tests.config.sample import written


def check(path: Path, *options: str) -> Typed:
    return typed("check", path, *options)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_sound_store_is_summed_up_and_its_warnings_do_not_fail_it(tmp_path: Path) -> None:
    run = check(written(tmp_path))
    assert run.returncode == 0
    assert "Cellar (cellar-1) has 2 zones, 9 devices, 2 slots, 2 products." in run.stdout
    assert "cabinet fridge: sells Mon-Sun 10:00-22:00, from 18 years; slots B1; fridge-lock, board, tags, air, fire" in run.stdout
    assert "warning: scale[1]: scale board has no slot on channel 2" in run.stdout


def test_every_fault_is_printed_and_the_status_is_78(tmp_path: Path) -> None:
    run = check(written(tmp_path, ("Europe/Rome", "Europe/Roma"), ("settle_s", "setle_s")))
    assert run.returncode == 78
    assert run.stdout == ""
    assert run.stderr.splitlines() == [
        'store.timezone: "Europe/Roma": an IANA time zone, e.g. Europe/Rome',
        'zone[1].setle_s: 2.0: unknown key; did you mean "settle_s"?',
    ]


def test_a_driver_whose_library_is_not_installed_says_what_to_install(tmp_path: Path) -> None:
    path = written(tmp_path, ('driver = "r200"\nport = "serial:/dev/ttyTAGS"', 'driver = "llrp"\nport = "tcp:192.0.2.1:5084"'))
    assert check(path).returncode == 0
    program = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "llrpkit" else find(name, *rest)
from device.cli import main
sys.argv = ["smartstore", "check", sys.argv[1]]
main()
"""
    run = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert run.returncode == 78
    assert "rfid[0].driver: \"llrp\": needs the library llrpkit: pip install 'smartstore[llrp]'" in run.stderr


def test_programs_get_one_object_a_line(tmp_path: Path) -> None:
    run = check(written(tmp_path), "--json")
    assert run.returncode == 0
    assert [line["kind"] for line in lines(run.stdout)] == ["store", "zone", "zone", "warning"]
    assert lines(run.stdout)[0] == {"kind": "store", "id": "cellar-1", "zones": 2, "devices": 9, "slots": 2, "products": 2}


def test_programs_get_faults_as_objects(tmp_path: Path) -> None:
    run = check(written(tmp_path, ("settle_s = 2.0", "settle_s = 0.1")), "--json")
    assert run.returncode == 78
    assert lines(run.stdout) == [{"kind": "fault", "path": "zone[1].settle_s", "found": "0.1", "allowed": "must be 0.5 or more"}]


def test_no_file_is_a_bad_configuration_and_no_argument_a_wrong_use(tmp_path: Path) -> None:
    assert check(tmp_path / "none.toml").returncode == 78
    run = subprocess.run([sys.executable, "-m", "device", "check"], capture_output=True, text=True, check=False)
    assert run.returncode == 2


def test_the_end_says_how_much_there_is_to_think_about(tmp_path: Path) -> None:
    assert check(written(tmp_path)).stdout.splitlines()[-1] == "no faults, 1 warning"
    examples = Path(__file__).parents[2] / "config"
    assert "no faults, no warnings" in {check(path).stdout.splitlines()[-1] for path in examples.glob("*.toml")}


def test_long_lists_are_wrapped_between_ids(tmp_path: Path) -> None:
    run = check(Path(__file__).parents[2] / "config" / "cabinet.toml")
    assert max(map(len, run.stdout.splitlines())) <= 120
    assert "    fridge-lock, plate-a1," in run.stdout


def test_a_fault_of_many_entries_is_told_once_with_its_places(tmp_path: Path) -> None:
    slots = "".join(f'[[slot]]\nid = "X{n}"\nscale = "none"\nproducts = []\n\n' for n in range(30))
    path = written(tmp_path)
    path.write_text(path.read_text() + slots)
    run = check(path)
    assert run.returncode == 78
    lines = run.stderr.splitlines()
    assert len(lines) < 20
    assert any(line.startswith("    and the same 29 times more: slot[") for line in lines)
    assert int(lines[-1].removesuffix(" faults")) >= 60
    assert len(check(path, "--json").stdout.splitlines()) == int(lines[-1].removesuffix(" faults")), "programs get them all"


def test_a_name_that_is_not_there_is_told_once_with_every_kind_of_place_that_has_it(tmp_path: Path) -> None:
    run = check(written(tmp_path, ('id = "fridge"', 'id = "firdge"')))
    assert run.stderr.splitlines() == [
        'lock[1].zone: "fridge": no zone has this id; did you mean "firdge"?',
        "    and the same 4 times more: scale[1].zone, rfid[0].zone, thermometer[0].zone, input[0].zones[1]",
        "5 faults",
    ]


def test_two_names_that_are_not_there_are_two_faults(tmp_path: Path) -> None:
    path = written(
        tmp_path, ('zone = "fridge"\ndriver = "r200"', 'zone = "fidge"\ndriver = "r200"'), ('["room", "fridge"]', '["room", "ridge"]')
    )
    assert [line.partition(":")[0] for line in check(path).stderr.splitlines()] == ["rfid[0].zone", "input[0].zones[1]"]


def test_a_mistyped_command_is_told_with_the_one_that_is_meant() -> None:
    run = typed("chek", "store.toml")
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1] == "Error: no command 'chek'; did you mean \"check\"?"

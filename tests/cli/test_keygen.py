"""``keygen`` makes a pair that signs and verifies, keeps its secret, and overwrites nothing."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from device.cli import smartstore
from device.domain.jws import Keyring, SigningKey, decode, sign, verify


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_pair_signs_and_verifies(folder: Path) -> None:
    result = CliRunner().invoke(smartstore, ["keygen", "--out", "operator"])
    assert result.exit_code == 0
    key = SigningKey.from_pem((folder / "operator.key.pem").read_bytes())
    keyring = Keyring.from_pem((folder / "operator.pub.pem").read_bytes())
    assert verify(decode(sign({"a": 1}, key)), keyring) == {"a": 1}
    assert key.thumbprint in result.stdout


def test_the_secret_is_its_owners_alone_and_never_printed(folder: Path) -> None:
    result = CliRunner().invoke(smartstore, ["keygen"])
    private = folder / "smartstore.key.pem"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert private.read_text().splitlines()[1] not in result.output


def test_programs_get_json(folder: Path) -> None:
    told = json.loads(CliRunner().invoke(smartstore, ["keygen", "--out", "b", "--json"]).stdout)
    assert told["thumbprint"] == SigningKey.from_pem(Path(told["private"]).read_bytes()).thumbprint
    assert Path(told["public"]).exists()


@pytest.mark.parametrize("there", ["b.key.pem", "b.pub.pem"])
def test_nothing_is_overwritten_and_nothing_half_made(folder: Path, there: str) -> None:
    (folder / there).write_text("precious")
    result = CliRunner().invoke(smartstore, ["keygen", "--out", "b"])
    assert result.exit_code == 1
    assert there in result.stderr
    assert [path.name for path in folder.iterdir()] == [there]
    assert (folder / there).read_text() == "precious"


def test_a_folder_that_is_not_there_is_told(folder: Path) -> None:
    result = CliRunner().invoke(smartstore, ["keygen", "--out", "no/such/folder"])
    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr

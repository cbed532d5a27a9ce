"""``token`` makes codes that a store lets in, and refuses to make those that it would not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from device.cli import smartstore
from device.cli.signing import now
from device.domain.jws import SigningKey, decode, sign, verify
from device.domain.moment import Moment
from device.store.access.codes import Denial, Entrance, Grant, Rules, judge

KEY = SigningKey(bytes(range(32)))
ORDER = {"id": "o-1", "lines": [{"gtin": "06901234567892", "quantity": 2}]}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "backend.key.pem"
    path.write_bytes(KEY.private_pem())
    return path


def make(key_file: Path, *options: str) -> Result:
    return CliRunner().invoke(smartstore, ["token", "--key", str(key_file), "--store", "chengdu-01", *options])


def claims_of(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return verify(decode(result.stdout.splitlines()[0]), KEY.keyring)


def judged(result: Result, entrance: Entrance | None = None) -> Grant | Denial:
    rules = Rules("chengdu-01", ZoneInfo("Asia/Shanghai"), KEY.keyring)
    at = Moment(1.0, now(), True, "b1")
    code = result.stdout.splitlines()[0]
    return judge(code, entrance or Entrance("fridge-1"), rules, at, used=lambda jti: False, revoked=lambda jti, subject: False)


def test_a_code_opens_the_door_that_it_was_made_for(key_file: Path) -> None:
    result = make(key_file, "--sub", "guest-7", "--zones", "fridge-1, fridge-2", "--age", "18")
    verdict = judged(result, Entrance("fridge-1", age_limit=18))
    assert isinstance(verdict, Grant)
    assert (verdict.subject, verdict.purpose, verdict.zones, verdict.age) == ("guest-7", "shop", ("fridge-1", "fridge-2"), 18)


def test_a_pickup_carries_its_order(key_file: Path, tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text(json.dumps(ORDER))
    for order in (json.dumps(ORDER), f"@{tmp_path / 'order.json'}"):
        verdict = judged(make(key_file, "--purpose", "pickup", "--order", order))
        assert isinstance(verdict, Grant)
        assert verdict.order is not None
        assert verdict.order.id == "o-1"


def test_the_code_is_the_only_line_for_programs_that_read_it(key_file: Path) -> None:
    assert len(make(key_file).stdout.splitlines()) == 1


def test_a_code_is_drawn_with_half_blocks_within_eighty_columns(key_file: Path) -> None:
    code, *picture = make(key_file, "--sub", "guest-7", "--zones", "fridge-1", "--age", "18", "--qr").stdout.rstrip().splitlines()
    assert decode(code)
    assert len({len(line) for line in picture}) == 1
    assert 50 < len(picture[0]) <= 80
    assert set("".join(picture)) <= set(" ▀▄█")


def test_json_holds_the_code_and_its_claims(key_file: Path) -> None:
    told = json.loads(make(key_file, "--json").stdout)
    assert verify(decode(told["token"]), KEY.keyring) == told["claims"]


def test_no_more_is_said_than_was_asked_for(key_file: Path) -> None:
    assert set(claims_of(make(key_file))) == {"aud", "iat", "exp", "jti"}
    assert claims_of(make(key_file, "--zones", ""))["zones"] == []


def test_every_code_has_its_own_number(key_file: Path) -> None:
    assert claims_of(make(key_file))["jti"] != claims_of(make(key_file))["jti"]
    assert claims_of(make(key_file, "--jti", "j-7"))["jti"] == "j-7"


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("30s", 30), ("10m", 600), ("1.5h", 5400), ("7d", 604_800), ("2w", 1_209_600)])
def test_a_time_span_is_written_as_people_write_it(key_file: Path, text: str, seconds: int) -> None:
    claims = claims_of(make(key_file, "--expires", text))
    assert claims["exp"] - claims["iat"] == seconds


@pytest.mark.parametrize(
    "options",
    [
        ("--expires", "0"),
        ("--expires", "soon"),
        ("--expires", "-5m"),
        ("--expires", "999999999w"),
        ("--purpose", "steal"),
        ("--age", "-1"),
        ("--age", "old"),
        ("--purpose", "pickup"),
        ("--order", json.dumps(ORDER)),
        ("--purpose", "pickup", "--order", "{}"),
        ("--purpose", "pickup", "--order", "nonsense"),
        ("--purpose", "pickup", "--order", "@/no/such/file"),
        ("--purpose", "pickup", "--order", json.dumps({**ORDER, "lines": [{"gtin": "6901234567893", "quantity": 1}]})),
    ],
)
def test_what_no_store_would_take_is_not_made(key_file: Path, options: tuple[str, ...]) -> None:
    result = make(key_file, *options)
    assert result.exit_code == 2
    assert not result.stdout


def test_a_code_that_no_reader_takes_is_not_made(key_file: Path) -> None:
    result = make(key_file, "--zones", ",".join(f"zone-{number}" for number in range(400)))
    assert result.exit_code == 1
    assert "4096" in result.stderr


def test_a_code_too_long_to_be_drawn_is_told_so(key_file: Path) -> None:
    result = make(key_file, "--zones", ",".join(f"zone-{number}" for number in range(230)), "--qr")
    assert result.exit_code == 0
    assert "too long" in result.stdout


def test_a_key_that_does_not_sign_is_refused(tmp_path: Path) -> None:
    public = tmp_path / "backend.pub.pem"
    public.write_bytes(KEY.public_pem())
    for path in (public, tmp_path / "missing.pem"):
        result = make(path)
        assert result.exit_code == 2
        assert path.name in result.stderr


def test_the_code_is_what_a_backend_would_make(key_file: Path) -> None:
    result = make(key_file, "--iss", "backend", "--jti", "j-1")
    claims = claims_of(result)
    assert sign(claims, KEY) == result.stdout.strip()
    assert claims["iss"] == "backend"

"""What a sound configuration becomes: paths, secrets, keys and cards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from device.config import load, secret_path
from device.domain.cards import Card
from device.domain.layout import Ds18b20, RfidReader
from device.domain.port import SerialAddress, SysfsAddress
from tests.config.sample import faults_of, written

EXAMPLES = Path(__file__).parent.parent.parent / "config"
CARD = "a" * 64


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.toml")))
def test_an_example_loads(example: str) -> None:
    configuration = load(EXAMPLES / example)
    assert configuration.layout.slot
    assert all(isinstance(key, Ed25519PublicKey) for key in (*configuration.entry_keys, *configuration.command_keys))
    assert configuration.entry_keys
    assert configuration.command_keys


def test_there_are_a_cabinet_a_shop_and_a_minibar() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.toml")} == {"cabinet", "shop", "minibar"}


def test_relative_paths_start_at_the_configuration_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    path = written(tmp_path / "etc", ("serial:/dev/ttyTAGS", "serial:../dev/ttyTAGS"))
    monkeypatch.chdir(tmp_path)
    layout = load(Path("etc/store.toml")).layout
    assert layout.journal.path == tmp_path / "etc" / "journal.db"
    assert layout.catalogue.file == tmp_path / "etc" / "products.csv"
    assert layout.access.entry_keys == (tmp_path / "etc" / "backend.pub.pem",)
    assert isinstance(layout.rfid[0], RfidReader)
    assert layout.rfid[0].port == SerialAddress(str(tmp_path / "dev" / "ttyTAGS"))
    assert load(path).source == path


def test_what_is_absent_has_its_default(tmp_path: Path) -> None:
    layout = load(written(tmp_path)).layout
    assert layout.mqtt.topic == "smartstore/{store}"
    assert layout.mqtt.protocol == 5
    assert layout.access.signed_commands is True
    assert layout.clock.trust == "kernel"
    assert layout.web is None
    assert isinstance(layout.thermometer[0], Ds18b20)
    assert layout.thermometer[0].port == SysfsAddress("/sys/bus/w1/devices")
    assert (layout.zone[1].kind, layout.zone[1].unlock_window_s, layout.zone[0].sales_hours) == ("cabinet", 15.0, None)


def test_a_credential_of_systemd_comes_before_a_file_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "password").write_text("x")
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert secret_path(Path("password"), tmp_path, given) == tmp_path / "credentials" / "password"
    assert secret_path(Path("other"), tmp_path, given) == tmp_path / "other"
    assert secret_path(Path("./sub/password"), tmp_path, given) == tmp_path / "sub" / "password"
    assert secret_path(Path("$CREDENTIALS_DIRECTORY/other"), tmp_path, given) == tmp_path / "credentials" / "other"
    assert secret_path(Path("password"), tmp_path, {}) == tmp_path / "password"


def test_a_credential_without_systemd_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    wanted = 'username = "me"\npassword_file = "$CREDENTIALS_DIRECTORY/password"\n[access]'
    path = written(tmp_path, ("[access]", wanted))
    assert faults_of(path) == ['mqtt.password_file: "$CREDENTIALS_DIRECTORY/password": no such file: CREDENTIALS_DIRECTORY is not set']
    (tmp_path / "password").write_text("x")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load(path).layout.mqtt.password_file == tmp_path / "password"


def test_a_private_key_is_refused_by_name(tmp_path: Path) -> None:
    path = written(tmp_path)
    key = Ed25519PrivateKey.generate()
    (tmp_path / "backend.pub.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert all("is a private key: name the public one, and keep this off the store" in fault for fault in faults_of(path))
    assert len(faults_of(path)) == 2


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    key = generate_private_key(SECP256R1()).public_key()
    (tmp_path / "backend.pub.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert all("another kind of key" in fault for fault in faults_of(path))


def cards(tmp_path: Path, rows: str, key: str = "0123456789abcdef\n") -> Path:
    path = written(tmp_path, ("[catalogue]", 'cards_file = "cards.csv"\ncards_key_file = "cards.key"\n[catalogue]'))
    (tmp_path / "cards.csv").write_text(f"card_hmac,name,purpose,zones\n{rows}\n")
    (tmp_path / "cards.key").write_text(key)
    return path


def test_cards_are_read_with_their_purpose_and_zones(tmp_path: Path) -> None:
    configuration = load(cards(tmp_path, f"{CARD.upper()},Cleaner,service,room fridge\n{'b' * 64},,,"))
    assert configuration.cards == {
        CARD: Card(CARD, "Cleaner", "service", ("room", "fridge")),
        "b" * 64: Card("b" * 64, "", "shop", None),
    }
    assert configuration.cards_key == b"0123456789abcdef"
    assert "0123456789abcdef" not in repr(configuration)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("12345,X,shop,", 'cards.csv row 2, card_hmac: "12345": 64 digits of 0-9 a-f'),
        (f"{CARD},X,shops,", 'cards.csv row 2, purpose: "shops": one of "shop", "pickup", "restock", "service"; did you mean "shop"?'),
        (f"{CARD},X,shop,fidge", 'cards.csv row 2, zones: "fidge": no zone has this id; did you mean "fridge"?'),
        (f"{CARD},X,shop,\n{CARD},Y,shop,", "cards.csv row 3, card_hmac: "),
    ],
)
def test_a_fault_in_the_cards_names_the_file_and_its_row(rows: str, told: str, tmp_path: Path) -> None:
    (fault,) = faults_of(cards(tmp_path, rows))
    assert told in fault


def test_a_short_key_of_the_cards_is_refused_and_not_shown(tmp_path: Path) -> None:
    (fault,) = faults_of(cards(tmp_path, f"{CARD},X,shop,", key="secret"))
    assert "must hold 16 bytes or more" in fault
    assert "secret" not in fault


def test_loading_imports_no_driver_and_no_broker(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; import device.config; device.config.load(Path(sys.argv[1])); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code, str(written(tmp_path))], capture_output=True, text=True, check=True)
    assert not {"serial", "gpiozero", "pymodbus", "paho", "asyncio"} & set(run.stdout.split())
    assert not {"difflib", "cryptography.hazmat.primitives.serialization"} & set(run.stdout.split()), "some megabytes for nothing"


def test_a_store_without_a_page_does_not_load_it() -> None:
    run = subprocess.run([sys.executable, "-c", "import sys, device.app; print(*sys.modules)"], capture_output=True, text=True, check=True)
    assert "device.app.app" in run.stdout.split()
    assert not {"device.web", "h11", "pymodbus"} & set(run.stdout.split())


def test_a_store_carries_no_modules_that_it_does_not_use() -> None:
    run = subprocess.run([sys.executable, "-c", "import sys, device.app; print(*sys.modules)"], capture_output=True, text=True, check=True)
    assert not {"ctypes", "gzip", "statistics", "aiomqtt", "gpiozero", "multiprocessing"} & set(run.stdout.split())

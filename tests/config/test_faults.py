"""Every way to get a configuration wrong is told, with its path, what is there and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.sample import faults_of, table, written

ONE_FAULT = {
    # the forms of single values
    "a store id with capitals": ('id = "cellar-1"', 'id = "Cellar"', 'store.id: "Cellar": 1-64 of a-z 0-9 -'),
    "an id with a slash": ('id = "tags"', 'id = "a/b"', 'rfid[0].id: "a/b": 1-64 of A-Z a-z 0-9 . _ -, starting with a letter or digit'),
    "an unknown time zone": ("Europe/Rome", "Europe/Roma", 'store.timezone: "Europe/Roma": an IANA time zone, e.g. Europe/Rome'),
    "a currency of two letters": ('"EUR"', '"EU"', 'store.currency: "EU": three capitals, ISO 4217'),
    "an hour of 25": ("10:00-22:00", "25:00-26:00", 'zone[1].sales_hours[0]: "Mon-Sun 25:00-26:00": hour must be 0-24'),
    "a day that is none": (
        "Mon-Sun 10",
        "Mon-Sux 10",
        "zone[1].sales_hours[0]: \"Mon-Sux 10:00-22:00\": day must be one of Mon, Tue, Wed, Thu, Fri, Sat, Sun, not 'Sux'",
    ),
    "an empty window": ("10:00-22:00", "10:00-10:00", "a window must not be empty; a whole day is 00:00-24:00"),
    "a negative time": ("settle_s = 2.0", "settle_s = -2.0", "zone[1].settle_s: -2.0: must be 0.5 or more"),
    "no number": ("settle_s = 2.0", "settle_s = nan", "zone[1].settle_s: nan: must be a finite number"),
    "no end": ("settle_s = 2.0", "settle_s = inf", "zone[1].settle_s: inf: must be a finite number"),
    "a number in quotes": ("settle_s = 2.0", 'settle_s = "2.0"', 'zone[1].settle_s: "2.0": must be a number'),
    "a truth for a number": ("relay = 17", "relay = true", "lock[0].relay: true: must be a whole number"),
    "a fraction for a whole number": ("capacity = 12", "capacity = 12.5", "slot[0].capacity: 12.5: must be a whole number"),
    "a date for a name": ('name = "Cellar"', "name = 2026-01-01", "store.name: 2026-01-01: must be a string"),
    "min over max": (
        "max_celsius = 12.0",
        "max_celsius = 4.0",
        "zone[1].temperature.max_celsius: 4.0: must be over min_celsius, which is 4",
    ),
    "low_at over capacity": ("low_at = 3", "low_at = 13", "slot[0].low_at: 13: must not be over capacity, which is 12"),
    "capacity 0": ("capacity = 12\nlow_at = 3", "capacity = 0", "slot[0].capacity: 0: must be 1 or more"),
    "a limit over 1": ("settle_s = 2.0", "review_below = 1.5", "zone[1].review_below: 1.5: must be 1 or less"),
    "a unit over 247": ("relay = 0", "relay = 0\nunit = 248", "lock[1].unit: 248: must be 247 or less"),
    "a counts_per_gram of 0": ("[429.5, 430.0]", "[429.5, 0.0]", "scale[1].counts_per_gram[1]: 0.0: must not be 0"),
    "a wrong check digit": (
        'products = ["9520000001018"]',
        'products = ["9520000001019"]',
        'slot[0].products[0]: "9520000001019": check digit of GTIN 9520000001019 is 9, must be 8',
    ),
    "a product twice": ('"9520000001025"]', '"9520000001018"]', "slot[1].products: "),
    "a sensor of another family": ("28-0000075c1b2a", "10-0000075c1b2a", 'thermometer[0].serial: "10-0000075c1b2a": 28- and 12 digits'),
    "a topic with a wildcard": ("[access]", 'topic = "a/+"\n[access]', 'mqtt.topic: "a/+": a topic without the wildcards + and #'),
    "an unknown placeholder": ("[access]", 'topic = "{shop}"\n[access]', 'mqtt.topic: "{shop}": the only placeholder is {store}'),
    "a password in the url": ("127.0.0.1", "me:secret@127.0.0.1", "no secrets in a configuration: use username and password_file"),
    "a url of another kind": ("mqtt://127", "http://127", "mqtt://HOST, mqtt://HOST:PORT, or mqtts:// for TLS"),
    "a port of 70000": (":1883", ":70000", "a port is 1-65535"),
    "an unknown protocol": ("[access]", "protocol = 3\n[access]", "mqtt.protocol: 3: must be 5 or 4"),
    "a page on port 0": ("[access]", '[web]\nlisten = "localhost:0"\n[access]', "web.listen: "),
    "an unknown port option": ("?baud=9600", "?bauds=9600", "lock[1].port: "),
    "an unknown kind of port": ("serial:/dev/ttyTAGS", "usb:/dev/ttyTAGS", "rfid[0].port: "),
    # names
    "a mistyped key": ("settle_s", "setle_s", 'zone[1].setle_s: 2.0: unknown key; did you mean "settle_s"?'),
    "a mistyped table": ("[[rfid]]", "[[rfids]]", 'unknown key; did you mean "rfid"?'),
    "a key that is nowhere": ("[access]", "x = 1\n[access]", "mqtt.x: 1: unknown key; known here are url, topic, protocol"),
    "a mistyped driver": (
        '"modbus-relay"',
        '"modbus_relay"',
        'lock[1].driver: "modbus_relay": must be one of "modbus-relay", "gpio", "osdp"; did you mean "modbus-relay"?',
    ),
    "no driver": ('driver = "r200"\n', "", "rfid[0].driver: is required"),
    "no driver among several": ('driver = "mt-sics"\n', "", 'scale[0].driver: is required: one of "mt-sics", "stream"'),
    "a mistyped kind": (
        'kind = "fire"',
        'kind = "fires"',
        'must be one of "fire", "exit", "tamper", "mains", "presence"; did you mean "fire"?',
    ),
    "a missing key": ("relay = 17\n", "", "lock[0].relay: is required"),
    "a table for a list of tables": ("[[rfid]]", "[rfid]", "rfid: must be a list of tables: [[rfid]]"),
    "a list of tables for a table": ("[mqtt]", "[[mqtt]]", "mqtt: [{…}]: must be a table: [mqtt]"),
    # what refers to what
    "one id twice": ('id = "tags"', 'id = "A1"', "is the id of slot[0] already; ids are unique over all kinds"),
    "a zone that is not there": (
        'id = "tags"\nzone = "fridge"',
        'id = "tags"\nzone = "fidge"',
        'rfid[0].zone: "fidge": no zone has this id; did you mean "fridge"?',
    ),
    "an input of a zone that is not there": ('["room", "fridge"]', '["room", "ridge"]', 'input[0].zones[1]: "ridge": no zone has this id'),
    "a scale that is not there": (
        'scale = "plate"',
        'scale = "plates"',
        'slot[0].scale: "plates": no scale has this id; did you mean "plate"?',
    ),
    "inside of nothing": ('inside = "room"', 'inside = "rome"', 'zone[1].inside: "rome": no zone has this id; did you mean "room"?'),
    "inside of a cabinet": ('inside = "room"', 'inside = "fridge"', "must be a zone of kind room, and this is a cabinet"),
    "a room inside of a room": ('kind = "room"', 'kind = "room"\ninside = "room"', "only a cabinet stands inside a room"),
    "several sessions in a cabinet": ("settle_s = 2.0", "max_sessions = 2", "only a room has several sessions at a time"),
    "a cabinet without a lock": (
        'zone = "fridge"\ndriver = "modbus-relay"',
        'zone = "room"\ndriver = "modbus-relay"',
        "a cabinet needs a [[lock]]",
    ),
    "a room without a lock": (
        'id = "door"\nzone = "room"',
        'id = "door"\nzone = "fridge"',
        'zone[0]: "room": a room needs a [[lock]] with this zone, that of its entrance',
    ),
    "no thermometer where it is monitored": (
        'id = "air"\nzone = "fridge"',
        'id = "air"\nzone = "room"',
        'zone[1].temperature: a monitored zone needs a [[thermometer]] with zone = "fridge"',
    ),
    "a way out of a cabinet": ('id = "way-out"\nzone = "room"', 'id = "way-out"\nzone = "fridge"', "nobody leaves a cabinet by a reader"),
    "a product that is not in the catalogue": (
        'products = ["9520000001018"]',
        'products = ["9520000001032"]',
        'slot[0].products[0]: "09520000001032": is not in the catalogue',
    ),
    "a channel that the board has not": ("channel = 1\n", "channel = 3\n", 'slot[1].channel: 3: scale "board" has 2 channels'),
    "a channel that a scale has not": (
        'scale = "plate"',
        'scale = "plate"\nchannel = 2',
        'slot[0].channel: 2: scale "plate" has 1 channel',
    ),
    "a list of another length": (
        "[429.5, 430.0]",
        "[429.5]",
        "scale[1].counts_per_gram: [429.5]: must be a number, or a list of 2: one a channel",
    ),
    "two slots on one plate": (
        'scale = "board"\nchannel = 1',
        'scale = "plate"',
        'slot "A1" is on channel 1 of scale "plate" already; one slot a plate',
    ),
    # wires
    "two devices on one port": (
        "serial:/dev/ttyTAGS",
        "serial:/dev/ttyPLATE",
        'rfid[0].port: "serial:/dev/ttyPLATE": is the port of scale[0] ("plate") already; only Modbus devices share a port',
    ),
    "a Modbus port shared with another": ("serial:/dev/ttyTAGS", "serial:/dev/ttyBUS?baud=9600", "only Modbus devices share a port"),
    "a Modbus port opened in two ways": (
        'driver = "modbus-relay"\nport = "serial:/dev/ttyBUS?baud=9600"\ninput',
        'driver = "modbus-relay"\nport = "serial:/dev/ttyBUS?baud=19200"\ninput',
        "which opens it in another way: write the same",
    ),
    "an input twice": ("input = 3", "input = 0", "input[0].input: 0: input 0 of unit 1 is lock[1].contact already"),
    "a pin twice": ("contact = 27", "contact = 17", "lock[0].contact: 17: pin 17 is lock[0].relay already"),
    "Modbus with 7 bits": ("baud=9600", "baud=9600&bytesize=7", "needs bytesize=8: Modbus RTU has 8 data bits"),
    "a serial port for 1-wire": ('serial = "28', 'port = "serial:/dev/ttyW"\nserial = "28', "must be sysfs:DIR"),
    "a folder for a scale": ("serial:/dev/ttyPLATE", "sysfs:/sys", 'scale[0].port: "sysfs:/sys": must be serial:PATH or tcp:HOST:PORT'),
    # files
    "no such key": ('entry_keys = ["backend.pub.pem"]', 'entry_keys = ["nobody.pem"]', 'nobody.pem": no such file'),
    "a key that is none": ('entry_keys = ["backend.pub.pem"]', 'entry_keys = ["products.csv"]', "must be an Ed25519 public key in PEM"),
    "no catalogue": ('"products.csv"', '"product.csv"', 'product.csv": no such file'),
    "a folder for a catalogue": ('"products.csv"', '"."', "must be a file"),
    "TLS files without TLS": ("[access]", 'ca_file = "backend.pub.pem"\n[access]', "is for TLS only: write the url with mqtts://"),
    "a password without a name": (
        "[access]",
        'password_file = "products.csv"\n[access]',
        "mqtt.username: is required, because password_file is given",
    ),
    "cards without their key": (
        "[catalogue]",
        'cards_file = "x.csv"\n[catalogue]',
        "access.cards_key_file: is required, because cards_file is given",
    ),
}


@pytest.mark.parametrize("fault", ONE_FAULT)
def test_a_fault_is_told_where_it_is_with_what_is_allowed(fault: str, tmp_path: Path) -> None:
    old, new, told = ONE_FAULT[fault]
    faults = faults_of(written(tmp_path, (old, new)))
    assert any(told in line for line in faults), faults


def test_the_sound_sample_has_no_fault(tmp_path: Path) -> None:
    assert faults_of(written(tmp_path)) == []


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ("Europe/Rome", "Europe/Roma"),
        ("sett" + "le_s", "setle_s"),
        ("10:00-22:00", "25:00-26:00"),
        ('zone = "fridge"\ndriver = "r200"', 'zone = "fidge"\ndriver = "r200"'),
        ("contact = 27", "contact = 17"),
        ('entry_keys = ["backend.pub.pem"]', 'entry_keys = ["nobody.pem"]'),
        products="gtin,name,grams,price_minor\n9520000001018,Chianti,-1,1450\n9520000001025,Bianco,650,x\n",
    )
    assert [line.split(":")[0] for line in faults_of(path)] == [
        "store.timezone",
        "zone[1].sales_hours[0]",
        "zone[1].setle_s",
        "rfid[0].zone",
        "lock[0].contact",
        "products.csv row 2, grams",
        "products.csv row 3, price_minor",
        "access.entry_keys[0]",
    ]


def test_one_mistake_is_one_fault(tmp_path: Path) -> None:
    path = written(tmp_path, ("[429.5, 430.0]", '"many"'), ('"Mon-Sun 10:00-22:00"', "10"))
    assert faults_of(path) == ["zone[1].sales_hours[0]: 10: must be a string", 'scale[1].counts_per_gram: "many": must be a number']


def test_a_cabinet_whose_id_is_misspelt_has_the_lock_and_the_thermometer_that_name_it(tmp_path: Path) -> None:
    faults = faults_of(written(tmp_path, ('id = "fridge"', 'id = "firdge"')))
    assert {fault.partition(": ")[2] for fault in faults} == {'"fridge": no zone has this id; did you mean "firdge"?'}


def test_a_zone_with_a_fault_is_still_there_for_what_refers_to_it(tmp_path: Path) -> None:
    (fault,) = faults_of(written(tmp_path, ('id = "fridge"', 'id = "fridge"\nkind = "fridge"')))
    assert fault.startswith("zone[1].kind:")


def test_the_same_relay_of_a_unit_twice_is_a_fault_and_another_unit_is_not(tmp_path: Path) -> None:
    def second(unit: int) -> str:
        keys = ['id = "second"', 'zone = "fridge"', 'driver = "modbus-relay"', 'port = "serial:/dev/ttyBUS?baud=9600"']
        return table("lock", *keys, f"unit = {unit}", "relay = 0", "contact = 9")

    assert faults_of(written(tmp_path, ("[[rfid]]", second(2) + "[[rfid]]"))) == []
    assert faults_of(written(tmp_path, ("[[rfid]]", second(1) + "[[rfid]]"))) == [
        "lock[2].relay: 0: relay 0 of unit 1 is lock[1].relay already"
    ]


def test_a_port_is_the_same_under_each_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "by-id").symlink_to("ttyUSB0")
    path = written(tmp_path, ("serial:/dev/ttyTAGS", "serial:by-id"), ("serial:/dev/ttyCODE", "serial:ttyUSB0"))
    (fault,) = faults_of(path)
    assert "is the port of rfid[0]" in fault


def test_two_sensors_may_share_the_folder_but_not_the_serial(tmp_path: Path) -> None:
    def second(serial: str) -> str:
        return table("thermometer", 'id = "second"', 'zone = "fridge"', 'driver = "ds18b20"', f'serial = "{serial}"')

    assert faults_of(written(tmp_path, ("[[rfid]]", second("28-0000075c1b2b") + "[[rfid]]"))) == []
    (fault,) = faults_of(written(tmp_path, ("[[rfid]]", second("28-0000075c1b2a") + "[[rfid]]")))
    assert "thermometer[1].serial" in fault or "thermometer[0].serial" in fault


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[store]\nid = \n", "store.toml line 2 column 6: is not TOML: Invalid value"),
        ("[store]\n[store]\n", "store.toml line 2 column 7: is not TOML: Cannot declare"),
        ('x = "', 'store.toml line 1 column 5: is not TOML: the quote " that opens here is not closed on its line'),
        ("# it's\nx = 'y\n\nz = 1", "store.toml line 2 column 5: is not TOML: the quote ' that opens here is not closed on its line"),
        ('x = ["y",\r\n "z\r\n]', 'store.toml line 2 column 2: is not TOML: the quote " that opens here is not closed on its line'),
        ('x = """y"\nz = 1', 'store.toml line 1 column 5: is not TOML: the quote """ that opens here is not closed anywhere'),
        (
            'a = "b"\nx = [ "y" # [\nz = 1',
            "store.toml line 2 column 5: is not TOML: this [ is not closed before line 3 column 1; or a comma",
        ),
        ("a = [ [ 1 ], { b = 2 ]", "store.toml line 1 column 14: is not TOML: this { is not closed before line 1 column 22; or a comma"),
        ("x = [ 1, y ]", 'store.toml line 1 column 10: is not TOML: Invalid value; text stands in quotes: "…"'),
        ("x = True", "store.toml line 1 column 5: is not TOML: Invalid value; did you mean true?"),
        ('x = "C:\\Users"', "is not TOML: Invalid hex value; a backslash is written \\\\, or the text stands in single quotes"),
        ("[store", "store.toml at its end: is not TOML: Expected ']'"),
        ("x = " + "9" * 5000, "store.toml: is not TOML that can be read"),
        ("x = " + "[" * 100_000, "store.toml: is not TOML that can be read"),
        ("x = " + "[" * 20 + "]" * 20, "store.toml: has more than 16 tables or lists within each other"),
        ("#" * (1024 * 1024 + 1), "is longer than 1024 KiB"),
        ("", "store: is required"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_with_its_place(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "store.toml"
    path.write_text(text)
    assert told in faults_of(path)[0]


def test_a_file_that_is_not_utf_8_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "store.toml"
    path.write_bytes(b'[store]\nname = "Caf\xe9"\n')
    (fault,) = faults_of(path)
    assert "is not UTF-8: line 2 has the byte 0xE9" in fault


def test_a_file_that_is_not_there_or_is_a_folder_is_told(tmp_path: Path) -> None:
    assert "no such file" in faults_of(tmp_path / "none.toml")[0]
    assert "must be a file" in faults_of(tmp_path)[0]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert faults_of(path) == []


OSDP = ('driver = "osdp"', 'port = "serial:/dev/ttyOSDP"', "address = 5", 'key_file = "door.key"')
OSDP_LOCK = table("lock", 'id = "strike"', 'zone = "room"', *OSDP, "relay = 0", "contact = 0", "bolt = 1")
OSDP_READER = table("reader", 'id = "badge"', 'zone = "room"', *OSDP)
OSDP_INPUT = table("input", 'id = "box"', 'zones = ["room"]', 'kind = "tamper"', *OSDP, "input = 2")


def with_osdp(folder: Path, tables: str = OSDP_LOCK + OSDP_READER + OSDP_INPUT, key: str = "8A1F6B02C94D37E5A0B19C83D276F54E") -> list[str]:
    (folder / "door.key").write_text(key + "\n")
    return faults_of(written(folder, ("[[rfid]]", tables + "[[rfid]]")))


def test_lock_reader_and_input_of_one_osdp_device_share_its_port_and_key(tmp_path: Path) -> None:
    assert with_osdp(tmp_path) == []
    assert with_osdp(tmp_path, OSDP_LOCK + OSDP_LOCK.replace("strike", "second").replace("address = 5", "address = 6")) == []


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (OSDP_LOCK.replace("address = 5", "address = 127"), "lock[2].address: 127: must be 126 or less"),
        (OSDP_LOCK.replace('key_file = "door.key"\n', ""), "lock[2].key_file: is required"),
        (OSDP_LOCK.replace("door.key", "none.key"), 'none.key": no such file'),
        (OSDP_LOCK.replace("ttyOSDP", "ttyOSDP?bytesize=7"), "needs bytesize=8: OSDP has 8 data bits"),
        (
            OSDP_LOCK.replace("ttyOSDP", "ttyPLATE"),
            'is the port of lock[2] ("strike") already; only Modbus devices share a port, and OSDP devices',
        ),
        (OSDP_LOCK + OSDP_INPUT.replace("input = 2", "input = 1"), "input[0].input: 1: input 1 of address 5 is lock[2].bolt already"),
        (OSDP_LOCK + OSDP_LOCK.replace("strike", "second"), "output 0 of address 5 is lock[2].relay already"),
        (OSDP_READER + OSDP_READER.replace("badge", "second"), "the reader of address 5 is reader[0].address already"),
        (OSDP_LOCK + OSDP_READER.replace("door.key", "products.csv"), "must be that of lock[2], which is the same device: one address"),
        (OSDP_LOCK + OSDP_READER.replace("ttyOSDP", "ttyOSDP?baud=115200"), "which opens it in another way: write the same"),
    ],
)
def test_a_fault_of_an_osdp_device_is_told(tables: str, told: str, tmp_path: Path) -> None:
    faults = with_osdp(tmp_path, tables)
    assert any(told in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("303132333435363738393a3b3c3d3e3f", "holds OSDP's default key (SCBK-D), which everybody knows"),
        ("F" * 32, "holds one byte sixteen times, which is no key"),
        ("8A1F", "must hold a key of 32 hexadecimal digits"),
    ],
)
def test_a_key_that_protects_nothing_is_refused_and_not_shown(key: str, told: str, tmp_path: Path) -> None:
    faults = with_osdp(tmp_path, OSDP_LOCK, key)
    assert [told in fault for fault in faults] == [True]
    assert key not in faults[0]

"""Targets that read what others have written: configurations, codes, commands, keys, recordings, requests."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

from device.config import load
from device.config.faults import Faults
from device.config.keys import read_cards
from device.config.products import read_products
from device.domain import jws
from device.domain.commands import COMMANDS, Command, InboundCommand
from device.domain.epc import gtin_of
from device.domain.hours import parse_hours
from device.domain.moment import Moment
from device.domain.opening import Opening
from device.domain.osdp_key import parse_osdp_key
from device.domain.port import parse_port
from device.domain.readings import DeviceUp, Reading, WeightReading
from device.errors import ConfigError
from device.journal import trace as evidence
from device.recording import encode, encode_header, read_trace
from device.store.access import authentication, codes
from device.uplink.inbound import read_receipt
from device.web.exchange import Answer, Ask, Exchange
from tests.capture import capture
from tests.config.sample import SOUND
from tests.fuzz.targets import Run, Target
from tests.recording.recordings import UPTIME, header, layout

KEY = jws.SigningKey(bytes(32))
STORE, ROOT, NOON = "chengdu-01", "smartstore/chengdu-01", 1_795_320_000.0
AT = Moment(uptime=1000.0, wall=NOON, trusted=True, boot="b1")
ENTRY_RULES = codes.Rules(STORE, ZoneInfo("UTC"), KEY.keyring)
RULES = authentication.Rules(STORE, ROOT, KEY.keyring)
CHALLENGES = (authentication.Challenge("fresh", 995.0),)
PRODUCTS = b"gtin,name,grams,grams_sd,price_minor,age_limit,max_celsius,tagged\n09520000001018,Riesling,1250,6,1290,16,,false\n"
SHORT_KEY = b"-----BEGIN PRIVATE KEY-----\nMC0CAQAwBQYDK2VwBCEEHwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PRIVATE KEY-----\n"
CODE = {"exp": NOON + 60, "iat": NOON, "jti": "j1", "aud": STORE, "sub": "guest", "zones": ["fridge"], "age": 30}
ORDER = {**CODE, "purpose": "pickup", "order": {"id": "o1", "items": [{"gtin": "09520000001018", "qty": 2}]}}
COMMAND = {"id": "c1", "name": "unlock", "exp": NOON + 30, "iat": NOON, "aud": STORE, "sub": "desk", "args": {"lock": "lock"}}


def _folder() -> Path:
    """A place for files that are read again and again; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="smartstore-fuzz-")
    _folders.append(folder)
    return Path(folder.name)


_folders: list[tempfile.TemporaryDirectory[str]] = []


def configuration() -> Run:
    """A file is sound, or all its faults are told."""
    folder = _folder()
    (folder / "products.csv").write_bytes(PRODUCTS)
    (folder / "backend.pub.pem").write_bytes(KEY.public_pem())
    path = folder / "store.toml"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        try:
            load(path)
        except ConfigError as error:
            _says_why(*error.faults)

    return run


def table(read: Callable[[Path, Faults], object]) -> Run:
    """A CSV file beside a configuration."""
    path = _folder() / "table.csv"

    def run(data: bytes) -> None:
        path.write_bytes(data)
        read(path, Faults())

    return run


def token() -> Run:
    """Signed text, as a code at a reader and as the payload of a command: what nobody has signed opens nothing."""
    signed = {*_entry_codes(), *_commands()}

    def run(data: bytes) -> None:
        verdict = codes.judge(
            data.decode("latin-1"), codes.Entrance("fridge"), ENTRY_RULES, AT, used=lambda _: False, revoked=lambda *_: False
        )
        command = authentication.authenticate(InboundCommand("unlock", data, False, None), RULES, AT, CHALLENGES)
        assert data in signed or (isinstance(verdict, codes.Denial) and not isinstance(command, Command))

    return run


def claims() -> Run:
    """What a backend may have put into a code or a command: signed here, so that all of it is looked at. First byte: which command."""
    names = sorted(COMMANDS)
    unsigned = replace(RULES, signed=False)

    def run(data: bytes) -> None:
        name, content = names[data[0] % len(names)] if data else names[0], data[1:]
        text = jws.seal(b'{"alg":"EdDSA"}', content, KEY)
        entrance = codes.Entrance("fridge", age_limit=18, sales=Opening((parse_hours("Mon-Sun 08:00-22:00"),)))
        codes.judge(text, entrance, ENTRY_RULES, AT, used=lambda _: True, revoked=lambda *_: False)
        codes.bearer(text, ENTRY_RULES)
        for rules, payload in ((RULES, text.encode()), (unsigned, content)):
            inbound = InboundCommand(name, payload, False, content[:80].decode("latin-1"))
            for moment in (AT, replace(AT, trusted=False)):
                authentication.authenticate(inbound, rules, moment, CHALLENGES)
        read_receipt(content, "0a1b2c3d", 5)

    return run


def keys() -> Run:
    """Keys in PEM, and the key of a secure channel."""

    def run(data: bytes) -> None:
        for read in (jws.public_keys, jws.SigningKey.from_pem, lambda pem: parse_osdp_key(pem.decode("ascii", "replace"))):
            _sound_or_told(read, data)

    return run


def words() -> Run:
    """Short texts of a configuration, and what a tag says."""

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        for read in (parse_hours, parse_port):
            _sound_or_told(read, text)
        gtin = gtin_of(data)
        assert gtin is None or (len(gtin) == 14 and gtin.isdecimal())

    return run


def _says_why(*whys: object) -> None:
    assert whys
    assert all(str(why) for why in whys)


def _sound_or_told(read: Callable[[Any], object], what: object) -> None:
    """Read something; what is wrong with it is a ValueError that says so."""
    try:
        read(what)
    except ValueError as error:
        _says_why(error)


def recording(wrap: Callable[[bytes], bytes]) -> Run:
    """A recording: what comes out of it are readings, or it is told which line is none."""

    def run(data: bytes) -> None:
        try:
            trace = read_trace(io.BytesIO(wrap(data)))
            for entry in trace.entries:
                if isinstance(entry, WeightReading):
                    assert all(isinstance(value, int | float) for value in entry.values)
        except ValueError as error:
            _says_why(error)

    return run


def journal_trace(wrap: Callable[[bytes], bytes]) -> Run:
    """Evidence out of a journal that may be damaged."""

    def run(data: bytes) -> None:
        try:
            trace = evidence.decode(wrap(data))
        except ValueError as error:
            _says_why(error)
        else:
            assert all(isinstance(second, float) and isinstance(grams, float) for second, grams in trace.samples)

    return run


def request() -> Run:
    """What a browser, or something else, sends to the page."""
    writer = cast("asyncio.StreamWriter", SimpleNamespace(transport=SimpleNamespace(set_write_buffer_limits=lambda _: None)))

    async def asked(data: bytes) -> Ask | Answer | None:
        reader = asyncio.StreamReader(limit=4096)
        reader.feed_data(data)
        reader.feed_eof()
        return await Exchange(reader, writer).ask()

    def run(data: bytes) -> None:
        answer = asyncio.run(asked(data))
        assert not isinstance(answer, Answer) or 400 <= answer.status < 600

    return run


def _entry_codes() -> list[bytes]:
    return [jws.sign(each, KEY, kid).encode() for each in (CODE, ORDER) for kid in (None, "")]


def _commands() -> list[bytes]:
    return [jws.sign(COMMAND, KEY).encode(), jws.sign({**COMMAND, "challenge": "fresh"}, KEY).encode()]


def _claims_seeds() -> list[bytes]:
    return [
        bytes((number,)) + json.dumps(each).encode() for number, each in enumerate((CODE, ORDER, COMMAND, {"epoch": "0a1b2c3d", "upto": 3}))
    ]


def _configurations() -> list[bytes]:
    return [SOUND.encode(), *(path.read_bytes() for path in sorted(Path("config").glob("*.toml")))]


def _recorded() -> tuple[bytes, bytes]:
    """The two members of a small recording, unpacked."""
    plan = layout(1, 2)
    readings: list[Reading] = [DeviceUp("board-0", UPTIME, "1.2")]
    readings += [WeightReading("board-0", UPTIME + 0.1 * number, (1000 + number, 2000), None, number % 2) for number in range(5)]
    return gzip.decompress(encode_header(header(plan))), gzip.decompress(encode(readings, [device.id for device in plan.devices]))


def _evidence() -> bytes:
    return evidence.encode(evidence.Trace(NOON, ((0.0, 1.0), (0.1, 2.0)), -1200.0, 0.6))


def _after_the_header(data: bytes) -> bytes:
    return gzip.compress(_recorded()[0], 1) + gzip.compress(data, 1)


def _cards(path: Path, faults: Faults) -> object:
    return read_cards(path, {"fridge"}, faults)


def _products(path: Path, faults: Faults) -> object:
    return read_products(path, "catalogue.file", faults)


def _same(data: bytes) -> bytes:
    return data


def _seeds(*seeds: bytes) -> Callable[[], Sequence[bytes]]:
    return lambda: seeds


TARGETS: dict[str, Target] = {
    "configuration": Target(configuration, _configurations, 8192),
    "products": Target(partial(table, _products), _seeds(PRODUCTS, PRODUCTS.replace(b",", b";"))),
    "cards": Target(partial(table, _cards), _seeds(b"card_hmac,name,purpose,zones\n" + b"0f" * 32 + b",Anna,shop,fridge\n")),
    "token": Target(token, lambda: [*_entry_codes(), *_commands()], 1024),
    "claims": Target(claims, _claims_seeds, 1024),
    "keys": Target(keys, lambda: [KEY.public_pem(), KEY.private_pem(), SHORT_KEY, b"00112233445566778899AABBCCDDEEFF\n"], 1024),
    "words": Target(
        words, lambda: [b"Mon-Fri 08:00-24:00", b"serial:/dev/x?baud=9600&parity=E", b"tcp:[::1]:80", *capture("epc").values()], 128
    ),
    "recording": Target(partial(recording, _same), lambda: [gzip.compress(part, 1) for part in (b"".join(_recorded()), *_recorded())]),
    "recording_header": Target(partial(recording, partial(gzip.compress, compresslevel=1)), lambda: [_recorded()[0]]),
    "recording_lines": Target(
        partial(recording, _after_the_header),
        lambda: [_recorded()[1], b'["at",1]\n["code",1,0,"x"]\n["contact",1,0,true,null,true,null]\n["command",1,"unlock","{}",false]\n'],
    ),
    "evidence": Target(partial(journal_trace, _same), lambda: [_evidence()], 1024),
    "evidence_fields": Target(partial(journal_trace, zlib.compress), lambda: [zlib.decompress(_evidence())], 1024),
    "request": Target(
        request,
        _seeds(
            b"GET /state.json HTTP/1.1\r\nHost: store.local:8080\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        ),
    ),
}

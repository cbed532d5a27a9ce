"""The forms of single values in a configuration: what a string, a path, a port or an hour may look like, and the words that say so."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PlainSerializer, Tag, WithJsonSchema

from device.domain.hours import Hours, Span, parse_hours, parse_span
from device.domain.opening import SpecialDate, parse_special_date
from device.domain.port import PortAddress, SerialAddress, SysfsAddress, TcpAddress, parse_port


def matching(pattern: str, allowed: str) -> tuple[AfterValidator, WithJsonSchema]:
    """A string of one form, refused in words rather than with the pattern."""
    form = re.compile(pattern)

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(allowed)
        return value

    return AfterValidator(check), WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern})$", "description": allowed})


def _from_text(parse: Callable[[str], object], *kinds: type) -> BeforeValidator:
    """A value that is written as a string, or is read already."""

    def read(value: object) -> object:
        if isinstance(value, kinds):
            return value
        if not isinstance(value, str):
            raise ValueError("must be a string")
        return parse(value)

    return BeforeValidator(read)


def known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("an IANA time zone, e.g. Europe/Rome") from None
    return name


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("must be the path of a file")
    return Path(text)


def _not_zero(value: float) -> float:
    if value == 0:
        raise ValueError("must not be 0")
    return value


def distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"names {value} twice")
    return values


def broker_url(url: str) -> str:
    allowed = "mqtt://HOST, mqtt://HOST:PORT, or mqtts:// for TLS"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"{allowed}; a port is 1-65535") from None
    if "@" in parts.netloc:
        raise ValueError("no secrets in a configuration: use username and password_file")
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(allowed)
    if port == 0 or any(mark.isspace() for mark in url):
        raise ValueError(f"{allowed}; a port is 1-65535")
    return url


def topic_root(topic: str) -> str:
    if any(mark in topic for mark in "+#"):
        raise ValueError("a topic without the wildcards + and #")
    if len(topic) > 200 or topic.startswith("$") or not topic.isprintable() or not all(topic.split("/")):
        raise ValueError("1-200 printable characters, not starting with $, with no empty level between two slashes")
    return placeholders(topic)


def placeholders(text: str) -> str:
    if re.search(r"[{}]", text.replace("{store}", "")):
        raise ValueError("the only placeholder is {store}")
    return text


def listen_address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if (
        not colon
        or not host
        or any(mark.isspace() for mark in host)
        or not port.isascii()
        or not port.isdigit()
        or not 1 <= int(port[:6]) <= 65535
    ):
        raise ValueError("HOST:PORT with a port of 1-65535, e.g. 127.0.0.1:8080")
    return text


Id = Annotated[str, *matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1-64 of A-Z a-z 0-9 . _ -, starting with a letter or digit")]
Name = Annotated[str, Field(max_length=200)]
Celsius = Annotated[float, Field(ge=-80, le=120)]
Unit = Annotated[int, Field(ge=1, le=247, description="Modbus unit, 1-247")]
Address = Annotated[int, Field(ge=0, le=65535)]
OsdpAddress = Annotated[int, Field(ge=0, le=126, description="address of the device on its OSDP line")]
OsdpNumber = Annotated[int, Field(ge=0, le=254, description="output or input of an OSDP device, from 0")]
Pin = Annotated[int, Field(ge=0, le=53, description="BCM pin number")]
Port = Annotated[
    PortAddress,
    _from_text(parse_port, SerialAddress, TcpAddress, SysfsAddress),
    WithJsonSchema({"type": "string", "description": "serial:PATH?baud=&parity=&bytesize=&stopbits=, tcp:HOST:PORT or sysfs:DIR"}),
]
_AS_WRITTEN = PlainSerializer(str, return_type=str, when_used="json")
HoursText = Annotated[
    Hours,
    _AS_WRITTEN,
    _from_text(parse_hours, Hours),
    WithJsonSchema({"type": "string", "description": 'e.g. "Mon-Sun 10:00-22:00"; "Fri-Sat 18:00-02:00" crosses midnight'}),
]
SpanText = Annotated[
    Span,
    _AS_WRITTEN,
    _from_text(parse_span, Span),
    WithJsonSchema({"type": "string", "description": 'e.g. "10:00-14:00"; "18:00-02:00" ends on the next day'}),
]
DateText = Annotated[
    SpecialDate,
    _AS_WRITTEN,
    _from_text(parse_special_date, SpecialDate),
    WithJsonSchema({"type": "string", "description": '"2026-12-25", "12-25" (every year), "easter-2" or "easter+39"'}),
]
FilePath = Annotated[
    Path,
    _from_text(_path, Path),
    WithJsonSchema({"type": "string", "minLength": 1, "description": "a file; relative paths start at the configuration file's folder"}),
]
Nonzero = Annotated[float, AfterValidator(_not_zero)]


def _a_table(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    return value


Options = Annotated[
    Any,
    BeforeValidator(_a_table),
    WithJsonSchema({"type": "object", "description": "what the driver needs to know: a free table, which only that driver can check"}),
]
"""A table as it is written; once its driver has checked it, that driver's own model."""


def _one_or_list(value: object) -> str:
    return "list" if isinstance(value, list | tuple) else "one"


PerGram = Annotated[Annotated[Nonzero, Tag("one")] | Annotated[tuple[Nonzero, ...], Tag("list")], Discriminator(_one_or_list)]
"""Counts a gram: a number, or a list of one a channel."""
Zeros = Annotated[Annotated[float, Tag("one")] | Annotated[tuple[float, ...], Tag("list")], Discriminator(_one_or_list)]
"""Counts of an empty plate: a number, or a list of one a channel."""

Timezone = Annotated[str, AfterValidator(known_timezone), Field(description="IANA name, e.g. Europe/Rome")]
BrokerUrl = Annotated[str, AfterValidator(broker_url), Field(description="mqtt://HOST:PORT, or mqtts:// for TLS")]
TopicRoot = Annotated[
    str, AfterValidator(topic_root), Field(description="root of all topics, without wildcards; {store} is the store's id")
]
ClientId = Annotated[str, Field(min_length=1, max_length=200, description="{store} is the store's id"), AfterValidator(placeholders)]
ListenAddress = Annotated[str, AfterValidator(listen_address), Field(description="HOST:PORT")]

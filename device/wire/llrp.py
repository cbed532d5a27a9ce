"""LLRP, the low level reader protocol of fixed UHF readers, through llrpkit's message types (extra ``llrp``).

A message is a version and a type (16 bits), its whole length, a number that its answer repeats, and parameters; all big endian. llrpkit
turns one whole message into objects and back; cutting the stream into messages is done here, and so is getting back into step. llrpkit's
own client is not used: it runs a task of its own, and answers the reader's signs of life without telling, so that silence could not be
noticed.

Sources: EPCglobal Low Level Reader Protocol 1.1 (chapter 16, binary encoding; 14, reports), which 1.0.1 shares in all that is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llrpkit.exceptions import MessageDecodeError
from llrpkit.inventory import TagReport, build_rospec
from llrpkit.protocol import decode_message, enums, messages, params

from device.domain.record import record
from device.wire.noise import Noise

HEADER = 10
LONGEST = 16_384
"""A report of 300 tags, and several times the capabilities that are asked for."""

ROSPEC = 1
"""The number of the only inventory that a reader is given."""

_VERSIONS = (1, 2)
_TYPE_BITS = 0x3FF
_RESERVED_BITS = 0xE000


@record
class Tag:
    """One tag seen by one antenna."""

    epc: bytes
    antenna: int
    rssi_dbm: float | None


@record
class Tags:
    """What a reader reports unasked."""

    tags: tuple[Tag, ...]


@record
class Attempt:
    """The reader's word on a new connection: empty where it is welcome, else why not."""

    refusal: str


@record
class Alive:
    """A sign of life, to be answered."""

    number: int


@record
class Answer:
    """To the request of this ``number``: ``refusal`` empty where it was done. ``who`` only of the reader's capabilities."""

    number: int
    refusal: str = ""
    code: int = 0
    who: str = ""


@record
class Stopped:
    """The inventory has ended without being told to."""


@record
class Trouble:
    """Something that the reader says of itself or of one antenna; empty ``text``: that antenna is well again."""

    text: str
    antenna: int | None = None


@record
class Closing:
    """The reader hangs up."""


@record
class Other:
    """A sound message that is of no use here."""


Message = Tags | Attempt | Alive | Answer | Stopped | Trouble | Closing | Other


class Decoder:
    """Bytes from a reader to messages."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Message | Noise]:
        """What ``data`` completes; at most ``LONGEST`` bytes are held back."""
        held = self._held + data if self._held else data
        out: list[Message | Noise] = []
        begin = dropped = 0
        there = len(held)
        while begin < there:
            length = _length(held, begin)
            if length is None or begin + length > there:
                break
            message = _message(held[begin : begin + length]) if length else None
            if message is None:
                begin += 1
                continue
            if begin > dropped:
                out.append(Noise(held[dropped:begin]))
            out.append(message)
            begin = dropped = begin + length
        if begin > dropped:
            out.append(Noise(held[dropped:begin]))
        self._held = held[begin:]
        return out


def who_are_you(number: int) -> bytes:
    """Ask for the general capabilities: maker, model, firmware."""
    wanted = enums.GetReaderCapabilitiesRequestedData.General_Device_Capabilities
    return _bytes(messages.GET_READER_CAPABILITIES(requested_data=wanted), number)


def keep_telling(number: int, period_s: float) -> bytes:
    """Have the reader give signs of life, and tell of inventories that end, antennas that come and go, and its own troubles."""
    kinds = enums.NotificationEventType
    told = (kinds.ROSpec_Event, kinds.Reader_Exception_Event, kinds.Antenna_Event)
    spec = params.ReaderEventNotificationSpec(
        event_notification_states=[params.EventNotificationState(event_type=kind, notification_state=True) for kind in told]
    )
    alive = params.KeepaliveSpec(keepalive_trigger_type=enums.KeepaliveTriggerType.Periodic, periodic_trigger_value=round(period_s * 1000))
    message = messages.SET_READER_CONFIG(reset_to_factory_default=False, reader_event_notification_spec=spec, keepalive_spec=alive)
    return _bytes(message, number)


def forget_inventories(number: int) -> bytes:
    """Delete whatever an earlier client has left. A reader that has nothing may refuse."""
    return _bytes(messages.DELETE_ROSPEC(ro_spec_id=0), number)


def add_inventory(number: int) -> bytes:
    """An inventory on all antennas without end, that reports each tag at once with antenna and strength.

    In session 0, where a tag that has been read answers again in the next round: in the others it may keep silent for seconds, and would
    seem to have left.
    """
    spec = build_rospec(ro_spec_id=ROSPEC, session=0, tag_population=64)
    content = spec.ro_report_spec.tag_report_content_selector if spec.ro_report_spec else None
    if content is not None:
        content.enable_channel_index = content.enable_tag_seen_count = False
        content.enable_first_seen_timestamp = content.enable_last_seen_timestamp = False
    return _bytes(messages.ADD_ROSPEC(ro_spec=spec), number)


def enable_inventory(number: int) -> bytes:
    """Let the inventory be started."""
    return _bytes(messages.ENABLE_ROSPEC(ro_spec_id=ROSPEC), number)


def start_inventory(number: int) -> bytes:
    """Start it."""
    return _bytes(messages.START_ROSPEC(ro_spec_id=ROSPEC), number)


def alive_too(number: int) -> bytes:
    """The answer to a sign of life."""
    return _bytes(messages.KEEPALIVE_ACK(), number)


def _bytes(message: Any, number: int) -> bytes:
    content: bytes = message.to_bytes(message_id=number)
    return content


def _length(held: bytes, begin: int) -> int | None:
    """The length of the message that begins here; 0 where none can; None where too little is there to say."""
    if len(held) - begin < 2:
        return None if held[begin] & 0xE0 == 0 else 0
    head = int.from_bytes(held[begin : begin + 2], "big")
    if head & _RESERVED_BITS or head >> 10 not in _VERSIONS or head & _TYPE_BITS not in _READERS_TYPES:
        return 0
    if len(held) - begin < 6:
        return None
    length = int.from_bytes(held[begin + 2 : begin + 6], "big")
    return length if HEADER <= length <= LONGEST else 0


def _message(frame: bytes) -> Message | None:
    """The message in a frame of the right length; None where its parameters do not fit together."""
    try:
        decoded = decode_message(frame)
        return _READERS_TYPES[int(decoded.MESSAGE_TYPE)](decoded) if hasattr(decoded, "MESSAGE_TYPE") else Other()
    except (MessageDecodeError, ValueError):
        return None


def _reported(report: Any) -> Message:
    found = (TagReport.from_param(each) for each in report.tag_report_datas)
    return Tags(tuple(Tag(tag.epc, tag.antenna or 1, tag.rssi_dbm) for tag in found if tag.epc))


def _notified(notification: Any) -> Message:
    event = notification.reader_event_notification_data
    if (attempt := event.connection_attempt_event) is not None:
        return Attempt("" if int(attempt.status) == 0 else _words(attempt.status))
    if event.connection_close_event is not None:
        return Closing()
    if event.reader_exception_event is not None:
        antenna = event.reader_exception_event.antenna_id
        text = event.reader_exception_event.message or "the reader reports an exception without a word"
        return Trouble(text, antenna.antenna_id if antenna is not None else None)
    if event.antenna_event is not None:
        gone = int(event.antenna_event.event_type) == int(enums.AntennaEventType.Antenna_Disconnected)
        return Trouble("antenna is disconnected" if gone else "", int(event.antenna_event.antenna_id))
    ended = event.ro_spec_event
    if ended is not None and int(ended.event_type) != int(enums.ROSpecEventType.Start_Of_ROSpec):
        return Stopped()
    return Other()


def _answered(answer: Any) -> Message:
    status = answer.llrp_status
    code = int(status.status_code)
    refusal = "" if code == 0 else status.error_description or _words(status.status_code)
    return Answer(int(answer.message_id), refusal, code, "" if refusal else _who(answer))


def _who(answer: Any) -> str:
    general = getattr(answer, "general_device_capabilities", None)
    if general is None:
        return ""
    return f"{general.reader_firmware_version}, maker {int(general.device_manufacturer_name)}, model {int(general.model_name)}"


def _words(code: Any) -> str:
    name = getattr(code, "name", "")
    return name.replace("_", " ") if name else f"code {int(code)}"


_READERS_TYPES: dict[int, Callable[[Any], Message]] = {
    messages.RO_ACCESS_REPORT.MESSAGE_TYPE: _reported,
    messages.READER_EVENT_NOTIFICATION.MESSAGE_TYPE: _notified,
    messages.KEEPALIVE.MESSAGE_TYPE: lambda alive: Alive(int(alive.message_id)),
    messages.CLOSE_CONNECTION_RESPONSE.MESSAGE_TYPE: lambda _: Closing(),
    **dict.fromkeys(
        (
            messages.GET_READER_CAPABILITIES_RESPONSE.MESSAGE_TYPE,
            messages.SET_READER_CONFIG_RESPONSE.MESSAGE_TYPE,
            messages.DELETE_ROSPEC_RESPONSE.MESSAGE_TYPE,
            messages.ADD_ROSPEC_RESPONSE.MESSAGE_TYPE,
            messages.ENABLE_ROSPEC_RESPONSE.MESSAGE_TYPE,
            messages.START_ROSPEC_RESPONSE.MESSAGE_TYPE,
            messages.ERROR_MESSAGE.MESSAGE_TYPE,
        ),
        _answered,
    ),
}
"""What a reader may say: anything else is no beginning of a message."""

import gc
from dataclasses import FrozenInstanceError, field, replace

import pytest

from device.domain.envelope import data_of, record_of
from device.domain.record import record


@record
class Taken:
    """A thing that left a place."""

    slot: str
    count: int = 1


@record
class Returned:
    slot: str
    count: int = 1


@record
class Nothing:
    pass


@record
class Secretive:
    name: str
    key: bytes = field(repr=False, compare=False)


def test_records_of_one_kind_and_content_are_equal_and_hash_alike() -> None:
    assert Taken("A1", 2) == Taken("A1", 2)
    assert len({Taken("A1", 2), Taken("A1", 2), Taken("A1", 3)}) == 2


def test_records_of_two_kinds_are_never_equal() -> None:
    taken: object = Taken("A1")
    assert taken != Returned("A1")
    assert taken != ("A1", 1)


def test_records_without_fields_are_equal() -> None:
    assert Nothing() == Nothing()
    assert len({Nothing(), Nothing()}) == 1


@pytest.mark.parametrize("name", ["slot", "else"])
def test_a_record_cannot_be_changed(name: str) -> None:
    taken = Taken("A1")
    with pytest.raises(FrozenInstanceError, match=name):
        setattr(taken, name, "B1")
    with pytest.raises(FrozenInstanceError, match=name):
        delattr(taken, name)
    assert taken == Taken("A1")


def test_a_record_shows_its_content() -> None:
    assert repr(Taken("A1", 2)) == "Taken(slot='A1', count=2)"
    assert repr(Nothing()) == "Nothing()"


def test_a_field_that_is_not_for_showing_is_neither_shown_nor_compared() -> None:
    assert repr(Secretive("till", b"1234")) == "Secretive(name='till')"
    assert Secretive("till", b"1234") == Secretive("till", b"5678")


def test_a_record_has_slots_alone_and_is_replaced_as_a_dataclass_is() -> None:
    assert not hasattr(Taken("A1"), "__dict__")
    assert replace(Taken("A1"), count=3) == Taken("A1", 3)


def test_a_record_goes_to_json_and_back() -> None:
    assert record_of(Taken, data_of(Taken("A1", 3))) == Taken("A1", 3)


def test_a_kind_of_record_exists_once_and_not_also_without_its_slots() -> None:
    gc.collect()
    assert [kind for kind in object.__subclasses__() if kind.__qualname__ == Taken.__qualname__ and kind.__module__ == __name__] == [Taken]

"""The simulated air: what stands free is read, a hand hides much, a full bottle nearly all."""

from __future__ import annotations

from firmware_sims.radio import TAGS_MAX, Air

TAGS = [bytes([number, 0]) for number in range(120)]


def missed(air: Air, *, hands: bool = False) -> float:
    rounds = [air.answers(epc, hands=hands) for epc in TAGS for _ in range(50)]
    return 1 - sum(rounds) / len(rounds)


def test_tags_that_stand_free_answer_nearly_always_and_under_hands_less_often() -> None:
    air = Air(1)
    free, under_hands = missed(air), missed(air, hands=True)
    assert free < 0.02
    assert 0.05 < under_hands < 0.5


def test_behind_a_full_bottle_hardly_a_round_shows_a_tag_until_it_comes_out() -> None:
    air = Air(2)
    for epc in TAGS:
        air.hide(epc)
    assert 0.95 < missed(air) < 1.0, "not even then all"
    for epc in TAGS:
        air.reveal(epc)
    assert missed(air) < 0.02


def test_the_same_seed_is_the_same_air_and_margins_are_bounded() -> None:
    one, other = Air(3), Air(3)
    assert [one.answers(epc) for epc in TAGS] == [other.answers(epc) for epc in TAGS]
    for number in range(TAGS_MAX + 1):
        one.margin_db(number.to_bytes(4, "big"))
    assert one.margins <= TAGS_MAX

"""What was taken, and how sure that is."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.identification import Candidate, Identification, Identify
from device.sensing import identify

WINE = Candidate("06901234567892", 1250.0, 12.5, 12, 1.0)
GIN = Candidate("05010677850100", 1180.0, 11.8, 12, 1.0)
NUTS = Candidate("04008400401621", 30.0, 0.6, 20, 1.0)


def test_it_is_what_the_store_asks_for() -> None:
    answer: Identify = identify
    assert isinstance(answer(1250.0, 0.5, [WINE]), Identification)


def test_the_only_product_of_a_slot_at_its_weight_is_certain() -> None:
    found = identify(1255.0, 0.5, [WINE])
    assert (found.gtin, found.quantity) == (WINE.gtin, 1)
    assert found.confidence > 0.999
    assert found.alternatives == ()


@pytest.mark.parametrize("quantity", [1, 2, 3, 4])
def test_quantities_are_told_apart(quantity: int) -> None:
    found = identify(quantity * 1250.0, 1.0, [WINE])
    assert (found.gtin, found.quantity) == (WINE.gtin, quantity)
    assert found.confidence > 0.99


def test_a_weight_that_no_candidate_has_is_none_of_them() -> None:
    found = identify(700.0, 0.5, [WINE, GIN])
    assert (found.gtin, found.quantity) == (None, 0)
    assert found.confidence > 0.99


def test_no_candidates_no_line() -> None:
    assert identify(700.0, 0.5, []) == Identification(None, 0, 1.0, ())


def test_more_than_fits_is_not_what_was_taken() -> None:
    found = identify(2500.0, 1.0, [Candidate(WINE.gtin, 1250.0, 12.5, 1, 1.0)])
    assert found.gtin is None


def test_products_alike_in_weight_share_the_confidence() -> None:
    twin = Candidate("08076809513739", 1252.0, 12.5, 12, 1.0)
    found = identify(1251.0, 0.5, [WINE, twin])
    assert 0.4 < found.confidence < 0.6
    assert len(found.alternatives) == 1
    assert found.confidence + found.alternatives[0].confidence == pytest.approx(1.0, abs=0.001)


def test_the_prior_decides_between_products_alike() -> None:
    stray = Candidate("08076809513739", 1250.0, 12.5, 12, 0.01)
    found = identify(1250.0, 0.5, [stray, WINE])
    assert found.gtin == WINE.gtin
    assert found.confidence == pytest.approx(1 / 1.01, abs=0.001)


def test_one_candidate_given_twice_is_one_candidate() -> None:
    stray = Candidate(WINE.gtin, 1250.0, 12.5, 12, 0.5)
    assert identify(1250.0, 0.5, [WINE, stray]).alternatives == ()


def test_a_worse_measurement_is_less_sure() -> None:
    sure = identify(1215.0, 0.5, [WINE, GIN])
    unsure = identify(1218.0, 30.0, [WINE, GIN])
    assert sure.confidence < 0.99
    assert unsure.confidence < 0.8
    assert {unsure.gtin, unsure.alternatives[0].gtin} == {WINE.gtin, GIN.gtin}


def test_a_step_without_size_is_the_callers_mistake() -> None:
    for grams in (0.0, -5.0, float("nan")):
        with pytest.raises(ValueError, match="no size"):
            identify(grams, 0.5, [WINE])


@given(
    grams=st.floats(1.0, 30_000.0),
    sd=st.floats(0.01, 50.0),
    candidates=st.lists(
        st.builds(
            Candidate,
            gtin=st.sampled_from(["1", "2", "3"]),
            grams=st.floats(1.0, 3000.0),
            grams_sd=st.floats(0.0, 30.0),
            most=st.one_of(st.none(), st.integers(0, 30)),
            prior=st.floats(0.0, 1.0),
        ),
        max_size=5,
    ),
)
def test_whatever_is_asked_the_answer_is_a_distribution(grams: float, sd: float, candidates: list[Candidate]) -> None:
    found = identify(grams, sd, candidates)
    shares = [found.confidence, *(each.confidence for each in found.alternatives)]
    assert all(0 <= share <= 1 + 1e-9 for share in shares)
    assert sum(shares) <= 1 + 1e-9
    assert (found.gtin is None) == (found.quantity == 0)
    if found.gtin is not None:
        assert shares == sorted(shares, reverse=True)
        assert any(each.gtin == found.gtin and (each.most is None or found.quantity <= each.most) for each in candidates)


def test_confidence_is_calibrated_on_its_own_model() -> None:
    """Of the lines said to be 90 to 99 % sure about as many are right, and of those over 99 % hardly one in a hundred is not."""
    rng = Random(11)
    shelf = [Candidate(str(index), grams, 0.01 * grams, 3, 1.0) for index, grams in enumerate((330.0, 342.0, 360.0, 660.0, 750.0, 1190.0))]
    bands: dict[str, list[bool]] = {"sure": [], "fair": []}
    for _ in range(6000):
        product = rng.choice(shelf)
        quantity = 1 if rng.random() < 0.8 else 2
        mean = rng.gauss(product.grams, product.grams_sd / 10**0.5)
        grams = sum(rng.gauss(mean, product.grams_sd) for _ in range(quantity)) + rng.gauss(0, 0.7)
        found = identify(grams, 0.5, shelf)
        right = (found.gtin, found.quantity) == (product.gtin, quantity)
        if found.confidence > 0.99:
            bands["sure"].append(right)
        elif found.confidence > 0.9:
            bands["fair"].append(right)
    assert len(bands["sure"]) > 1000
    assert sum(bands["sure"]) / len(bands["sure"]) > 0.99
    assert 0.9 < sum(bands["fair"]) / len(bands["fair"]) < 0.995


def test_the_last_bottle_is_known_by_its_weight_though_it_may_have_gone() -> None:
    """One bottle that was weighed, and three of another product: what weighs just as much is that one, for if it left it was there."""
    stray = Candidate(GIN.gtin, 1230.0, 6.0, 1, 1.0, 0.8, ((0, 0.2), (1, 0.8)), "misplaced")
    own = Candidate(WINE.gtin, 1240.0, 6.0, 12, 1.0, 1.5, ((3, 1.0),))
    found = identify(1230.5, 0.8, [own, stray])
    assert found.gtin == GIN.gtin
    assert found.confidence > 0.85

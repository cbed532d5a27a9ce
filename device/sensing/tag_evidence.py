"""What tags say of a cart: how likely it is that the reader finds what it found when so many items of a product are in the hand."""

from __future__ import annotations

from math import comb, log

from device.domain.identification import TagCount

GONE = 0.99
"""An item that was carried out had a tag that was read before."""
FALSE = 0.001
"""So many tags of a product (a mean) are unread for a reason that nothing learnt of them says: a can was put before one."""
LEAST = 1e-12


def tags_log(tags: TagCount, held: int) -> float:
    """Log likelihood of what was found when ``held`` items of the product are in the hand.

    ``true`` of them, Binomial(held, GONE), had tags: any of those that stood there, so each choice of them has 1 / C(standing, true). A tag
    that was chosen is unread for certain, one that was not by its own likelihood. The sum over all choices is the coefficient of x^true in
    the product of (likelihood + x) over the unread tags.
    """
    unread = tags.departed + len(tags.unsure)
    standing = max(tags.standing, unread)
    hidden = FALSE / max(1, standing)
    choices = [1.0]
    for ratio in (*(0.0,) * tags.departed, *tags.unsure):
        there = max(ratio, hidden)
        choices = [low * there + high for low, high in zip((*choices, 0.0), (0.0, *choices), strict=True)]
    total = 0.0
    for true in range(min(unread, held) + 1):
        lost = comb(held, true) * GONE**true * (1 - GONE) ** (held - true)
        total += lost * choices[true] / comb(standing, true)
    return log(max(total, LEAST))

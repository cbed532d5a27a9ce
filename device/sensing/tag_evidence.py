"""What tags say of a cart: how likely it is that so many tags of a product have left when so many items are in the hand."""

from __future__ import annotations

from math import comb, exp, factorial, log

GONE = 0.99
"""An item that was carried out is missed by the reader once the door is shut, and its tag had been read before."""
FALSE = 0.003
"""Tags of a product that count as gone and are not: hidden behind a can for three seconds of reading (a mean, Poisson)."""
LEAST = 1e-12


def tags_log(departed: int, held: int) -> float:
    """Log likelihood of ``departed`` tags of a product when ``held`` items of it are in the hand: Binomial(held, GONE) + Poisson(FALSE)."""
    total = 0.0
    for true in range(min(departed, held) + 1):
        lost = comb(held, true) * GONE**true * (1 - GONE) ** (held - true)
        extra = departed - true
        total += lost * exp(-FALSE) * FALSE**extra / factorial(extra)
    return log(max(total, LEAST))

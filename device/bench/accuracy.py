"""Carts: how many are exactly right, how many are wrong and say nothing, how many ask for a person; with the optimum and a published rule.

Every session of every scenario is played once; the device as it ships, the Bayes-optimal decoder and the published rule see the same day.
A decoder that says how sure it is asks for review by the device's own limits: a cart that is less certain than ``REVIEW``.

Where nobody can know, exact carts are won by luck, and 910 draws at even odds differ by points between two equally good decoders. So each
decoder's carts are counted a second time with the probability that the optimum gives them, which is what luck would average to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil, sqrt
from typing import Any, NamedTuple

from device.bench.accuracy_optimal import Best, Optimum
from device.bench.accuracy_published import published_rule
from device.bench.accuracy_scenarios import SCENARIOS
from device.bench.accuracy_world import Scenario, Seen, ShopDay
from device.bench.plot import COLOURS, Panel, figure
from device.bench.result import NoSuchScenario, Options, Result
from device.bench.tables import table
from device.bench.work import spread

SESSIONS = 910
"""Of each scenario: 10,010 of all eleven."""
A_DAY = 35
QUICK_DAYS = 1
REVIEW = 0.999
LEAST_SHOWN = 1e-6
BINS = (0.0, 0.9, 0.99, 0.999, 0.9999, 1.0000001)
DECODERS = ("device", "optimal", "published")


class Piece(NamedTuple):
    """One day of one scenario."""

    scenario: int
    day: int
    seed: int


@dataclass(slots=True)
class Score:
    """One decoder's carts. ``items`` of ``items_of`` single items were told at the right slot, of the right product, in the right way.

    ``likely`` is the sum of what the optimum gives these carts: how many are exact, but for luck.
    """

    exact: int = 0
    likely: float = 0.0
    silent: int = 0
    reviews: int = 0
    items: int = 0
    items_of: int = 0


@dataclass(slots=True)
class Tally:
    """What a number of sessions came to. ``lines`` are by bin of confidence: (lines, sum of confidences, right ones)."""

    sessions: int = 0
    scores: dict[str, Score] = field(default_factory=lambda: {name: Score() for name in DECODERS})
    reasons: Counter[str] = field(default_factory=Counter)
    lines: list[list[float]] = field(default_factory=lambda: [[0, 0.0, 0] for _ in BINS[1:]])

    def add(self, other: Tally) -> None:
        self.sessions += other.sessions
        self.reasons.update(other.reasons)
        for name, score in other.scores.items():
            for key, value in asdict(score).items():
                setattr(self.scores[name], key, getattr(self.scores[name], key) + value)
        for mine, theirs in zip(self.lines, other.lines, strict=True):
            mine[:] = [one + more for one, more in zip(mine, theirs, strict=True)]


def run(options: Options) -> Result:
    """Play all scenarios, or the one that is asked for. Raises NoSuchScenario."""
    wanted = [number for number, (name, _) in enumerate(SCENARIOS) if options.scenario in (None, name)]
    if not wanted:
        raise NoSuchScenario(f"there is no scenario {options.scenario!r}; there are: {'; '.join(name for name, _ in SCENARIOS)}")
    pieces = [Piece(number, day, options.seed) for number in wanted for day in range(_days(options))]
    tallies = {number: Tally() for number in wanted}
    for piece, tally in zip(pieces, spread(play, pieces, options.jobs), strict=True):
        tallies[piece.scenario].add(tally)
    whole = Tally()
    for tally in tallies.values():
        whole.add(tally)
    named = [*((SCENARIOS[number][0], tally) for number, tally in tallies.items()), ("all", whole)]
    figures = {
        "sessions": whole.sessions,
        "scenarios": {name: _figures(tally) for name, tally in named},
        "reliability": [
            {"from": low, "lines": int(lines), "said": round(said / lines, 6), "right": round(right / lines, 6)}
            for low, (lines, said, right) in zip(BINS, whole.lines, strict=False)
            if lines
        ],
    }
    return Result("accuracy", figures, _table(named), {"accuracy": _picture(named), "reliability": _reliability(whole)})


def _days(options: Options) -> int:
    """Days of each scenario: whole ones."""
    if options.sessions is not None:
        return ceil(options.sessions / A_DAY)
    return QUICK_DAYS if options.quick else SESSIONS // A_DAY


def play(piece: Piece) -> Tally:
    """One day: the same for all three decoders."""
    shops = SCENARIOS[piece.scenario][1]
    scenario = shops[piece.day % len(shops)]
    day = ShopDay(scenario, 1000 * piece.seed + piece.day)
    day.fill()
    optimum = Optimum(scenario, day.truth)
    tally = Tally()
    for number in range(A_DAY):
        _judge(tally, scenario, day, optimum, day.session(), f"{piece.seed} {piece.day} {number}")
    return tally


def _judge(tally: Tally, scenario: Scenario, day: ShopDay, optimum: Optimum, seen: Seen, name: str) -> None:
    tally.sessions += 1
    tally.reasons.update(seen.reasons)
    if seen.filled is not None:
        optimum.filled(seen.filled, name)
    best = optimum.decode(seen, name)
    _count(tally.scores["device"], seen, best, seen.told, seen.lines, review=bool(seen.reasons))
    _count(tally.scores["optimal"], seen, best, best.cart, best.lines, review=best.confidence < REVIEW)
    slots = [(name, place.products) for name, place in day.places.items()]
    guess = published_rule(seen.samples, scenario.rate_hz, slots, {gtin: each.grams for gtin, each in day.store.plan.products.items()})
    _count(tally.scores["published"], seen, best, guess.cart, guess.lines, review=False)
    for share, right in seen.sure:
        place = next(place for place in range(len(BINS) - 1) if share < BINS[place + 1])
        tally.lines[place] = [one + more for one, more in zip(tally.lines[place], (1, share, right), strict=True)]


def _count(
    score: Score, seen: Seen, best: Best, cart: Mapping[str, int], lines: Mapping[tuple[str, str, int], int], *, review: bool
) -> None:
    right = cart == seen.true
    score.exact += right
    score.likely += best.chance(cart)
    score.reviews += review
    score.silent += not right and not review
    true: Counter[tuple[str, str, int]] = Counter()
    for each in seen.doings:
        true[each.slot, each.gtin, 1 if each.quantity > 0 else -1] += abs(each.quantity)
    score.items_of += sum(true.values())
    score.items += sum(min(count, lines.get(key, 0)) for key, count in true.items())


def _figures(tally: Tally) -> dict[str, Any]:
    return {
        "sessions": tally.sessions,
        **{name: asdict(score) | {"likely": round(score.likely, 2)} for name, score in tally.scores.items()},
        "reasons": dict(tally.reasons),
    }


def _share(part: float, whole: float, digits: int = 2) -> str:
    return f"{100 * part / whole:.{digits}f} %" if whole else "-"


def _table(named: Sequence[tuple[str, Tally]]) -> list[str]:
    rows = []
    for name, tally in named:
        for decoder in DECODERS:
            score = tally.scores[decoder]
            rows.append(
                (
                    name if decoder == "device" else "",
                    decoder,
                    tally.sessions,
                    _share(score.exact, tally.sessions),
                    _share(score.likely, tally.sessions),
                    score.silent,
                    _share(score.reviews, tally.sessions),
                    _share(score.items, score.items_of),
                )
            )
    return table(("", "decoder", "sessions", "exact carts", "but for luck", "wrong, silent", "reviews", "items identified"), rows)


def _picture(named: Sequence[tuple[str, Tally]]) -> str:
    ticks = [(float(place), name) for place, (name, _) in enumerate(named)]
    panels = []
    for title, part in (
        ("Carts not exactly right, %", "exact"),
        ("Wrong and not flagged, %", "silent"),
        ("Flagged for review, %", "reviews"),
    ):
        panel = Panel(title)
        for offset, decoder in zip((-0.26, 0.0, 0.26), DECODERS, strict=True):
            points = []
            for place, (_, tally) in enumerate(named):
                value = getattr(tally.scores[decoder], part)
                points.append((place + offset, 100 * (tally.sessions - value if part == "exact" else value) / max(1, tally.sessions)))
            panel.bars(points, decoder, width=0.25)
        panel.ticks_x = ticks
        panels.append(panel)
    return figure(
        panels, title=f"{named[-1][1].sessions:,} sessions: the device, the optimum, and a published rule", columns=1, width=900, height=330
    )


def between(wrong: float, lines: float) -> tuple[float, float]:
    """The 95 % interval of a share of which ``wrong`` of ``lines`` were seen (Wilson, J. American Statistical Association 22, 1927)."""
    share, spread = wrong / lines, 1.96**2 / lines
    middle, reach = share + spread / 2, sqrt(spread * share * (1 - share) + spread * spread / 4)
    return max(0.0, (middle - reach) / (1 + spread)), (middle + reach) / (1 + spread)


def _reliability(whole: Tally) -> str:
    panel = Panel(
        "Lines wrong, as said and as it was",
        x="1 - confidence of the line",
        y="share of lines that were wrong",
        log_x=True,
        log_y=True,
        x_range=(LEAST_SHOWN, 1.0),
        y_range=(LEAST_SHOWN, 1.0),
    )
    said = [(1 - total / lines, lines - right, lines) for lines, total, right in whole.lines if lines and total < lines]
    panel.line([(1e-5, 1e-5), (1.0, 1.0)], "as said", dashed=True)
    panel.scatter([(doubt, wrong / lines) for doubt, wrong, lines in said if wrong], "as it was", radius=4.0, colour=COLOURS[1])
    label = "between these, 95 %"
    for doubt, wrong, lines in said:
        panel.line([(doubt, max(LEAST_SHOWN, end)) for end in between(wrong, lines)], label, colour=COLOURS[1], width=1.5)
        label = ""
    return figure([panel])

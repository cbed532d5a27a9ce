"""Every target takes its seeds and what comes of changing them; with ``make soak`` a coverage-guided fuzzer looks further."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import targets as known
from tests.fuzz.campaign import ROOT, campaign, is_installed
from tests.fuzz.mutation import mutations
from tests.fuzz.targets import Target, targets

TARGETS = targets()
QUICKLY = 200
every_target = pytest.mark.parametrize("name", TARGETS)
fuzzed = pytest.mark.skipif(not is_installed(), reason="NOT FUZZED: atheris is not installed (pip install -e '.[fuzz]'; Linux on x86-64)")


@pytest.fixture
def run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds of configurations are files of the checkout."""
    monkeypatch.chdir(ROOT)


@every_target
@pytest.mark.usefixtures("run_once")
def test_a_target_takes_its_seeds_and_their_mutations(name: str) -> None:
    target = TARGETS[name]
    run, seeds = target.prepare(), target.seeds()
    assert seeds
    for data in [*seeds, *mutations(seeds, QUICKLY, target.longest, name)]:
        run(data)


def test_mutations_are_the_same_every_time_and_not_the_seeds() -> None:
    first, second = ([*mutations([b"seed one", b"seed two"], 50, 64, "x")] for _ in range(2))
    assert first == second
    assert len(set(first)) > 40


@fuzzed
@pytest.mark.soak
@every_target
def test_a_fuzzer_finds_nothing_that_breaks_a_target(name: str, request: pytest.FixtureRequest) -> None:
    outcome = campaign(name, request.config.getoption("--fuzz-seconds"), ROOT / "fuzz")
    assert not outcome.findings, outcome.report
    assert outcome.runs > 0, outcome.log[-3000:]


@fuzzed
@pytest.mark.soak
def test_a_fuzzer_finds_what_breaks_a_target_and_says_how_to_see_it_again(tmp_path: Path) -> None:
    outcome = campaign(known.BROKEN, 60, tmp_path)
    (finding,) = outcome.findings
    assert finding.read_bytes().startswith(b"bug")
    assert f"python -m tests.fuzz {known.BROKEN} --try {finding}" in outcome.report


def test_a_broken_target_raises_what_is_wrong_with_it() -> None:
    run = known.target(known.BROKEN).prepare()
    run(b"bu")
    with pytest.raises(AssertionError):
        run(b"bug")
    assert isinstance(known.target("r200"), Target)

"""Power cuts in the middle of forgetting somebody: they are known or they are not, nobody else is touched, and nothing is lost."""

from __future__ import annotations

import random
from pathlib import Path

from tests.journal.disk import Disk, needs_shim
from tests.journal.test_names import ANNA, BRUNO, JTI, files_of, granted, keys_of, told
from tests.journal.writing import event, put_files, running, verdict

pytestmark = needs_shim

CUTS = 20


async def test_a_power_cut_while_somebody_is_forgotten_leaves_them_known_or_forgotten_and_all_else_as_it_was(
    path: Path, tmp_path: Path, disk: Disk
) -> None:
    async with running(path) as journal:
        await journal.commit([granted(journal, 1, ANNA, JTI), granted(journal, 2, BRUNO, "b1")])
        await journal.snapshot(b"state after 2")
        await journal.commit([granted(journal, 3, ANNA, "again"), event(4)])
        anna, first, _, _, second = keys_of(path)
        annas = [anna, first, second]
        before = len(disk.log)
        assert await journal.forget(ANNA)
        after = len(disk.log)
    assert after - before > 3
    dice, outcomes = random.Random(7), set()
    for number, at in enumerate((before, after, *(dice.randint(before, after) for _ in range(CUTS)))):
        cut = put_files(disk.cut(at, dice), tmp_path / f"cut-{number}")
        forgotten = await _after_the_cut(cut, annas)
        assert forgotten or at < after
        outcomes.add(forgotten)
    assert outcomes == {False, True}


async def _after_the_cut(cut: Path, annas: list[bytes]) -> bool:
    """Whether Anna is forgotten; then none of her keys is left, and else all of it is done by asking again."""
    async with running(cut) as journal:
        names = [told(row.body)[0] for row in await journal.events(0, 3)]
        assert names[1] == BRUNO
        assert names[0] == names[2]
        forgotten = names[0] != ANNA
        assert forgotten == (journal.names.subject_of(ANNA) is None)
        used = [told(row.body)[1] for row in await journal.events_unnamed(0, 3)]
        journal.recall_codes(used)
        assert [journal.names.code_of(jti) for jti in (JTI, "b1", "again")] == used
        if forgotten:
            assert not any(key in files_of(cut) for key in annas)
        assert await journal.forget(ANNA) is not forgotten
        assert not any(key in files_of(cut) for key in annas)
        assert journal.newest_seq == 4
        await journal.commit([event(5)])
    assert verdict(cut).broken is None
    return forgotten

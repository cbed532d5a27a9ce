"""What a configuration is while its devices are simulated: the same store, with a journal of its own and a clock that is believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from device.config.configuration import Configuration


def simulated_journal(journal: Path) -> Path:
    """Where a simulated run keeps its journal: ``journal.db`` gives ``journal.simulated.db``, beside it."""
    return journal.with_name(f"{journal.stem}.simulated{journal.suffix}")


def as_simulated(configuration: Configuration) -> Configuration:
    """The same store for a simulated run.

    Its journal is apart, because what simulated shoppers bought is nobody's sale. Its clock is believed whatever the kernel says: a laptop
    or a container may have nobody who keeps its clock right, and the codes of a simulated store open nothing.
    """
    layout = configuration.layout
    journal = layout.journal.model_copy(update={"path": simulated_journal(layout.journal.path)})
    clock = layout.clock.model_copy(update={"trust": "always"})
    return replace(configuration, layout=layout.model_copy(update={"journal": journal, "clock": clock}))

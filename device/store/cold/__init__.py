"""The cold: what the thermometers of zones say, the record of it, and what follows.

Reading order: ``foresight`` (where a temperature is going, and how hard the compressor works), ``swing`` (how far a day's hours lie apart),
``outlook`` (the alarms that come of them, and thermometers that contradict each other), ``limits`` (excursions), ``cold`` (the record,
stopped sales), ``statement`` (what an order's goods went through). What is kept is in ``device/store/memory/history.py``, the rules are in
``docs/cold-chain.md``.
"""

from __future__ import annotations

from device.store.cold.cold import ColdStore

__all__ = ["ColdStore"]

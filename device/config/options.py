"""The options of drivers that other packages bring, checked by their drivers' own models."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pydantic import ValidationError

from device.config.draft import Draft, absolute
from device.config.faults import Faults, did_you_mean, shown
from device.config.rules import FOREIGNERS
from device.config.spelling import ALLOWED, joined, key_of, spelled
from device.domain.layout import Kind
from device.drivers.foreign import foreign


def check_options(draft: Draft, folder: Path, faults: Faults) -> None:
    """Replace the options of every sound foreign entry by what its driver makes of them, with paths made absolute."""
    for path, entry in draft.of(*FOREIGNERS):
        try:
            model = foreign(cast("Kind", path.partition("[")[0]), entry.driver).options
        except LookupError as error:
            faults.add(f"{path}.driver", shown(entry.driver), str(error))
            continue
        keys = {key_of(name, field) for name, field in model.model_fields.items()}
        unknown = [key for key in entry.options if key not in keys]
        for key in unknown:
            hint = did_you_mean(key, keys) or f"; known here are {', '.join(sorted(keys)) or 'none'}"
            faults.add(joined(f"{path}.options", key), shown(entry.options[key]), f"unknown key{hint}")
        try:
            options = model.model_validate({key: value for key, value in entry.options.items() if key in keys})
        except ValidationError as error:
            _tell(error, path, faults)
            continue
        draft.replace(path, entry.model_copy(update={"options": absolute(options, folder)}))


def _tell(error: ValidationError, path: str, faults: Faults) -> None:
    for detail in error.errors():
        place = f"{path}.{spelled(('options', *detail['loc']))}"
        found = "" if detail["type"] == "missing" else shown(detail["input"])
        faults.add(place, found, ALLOWED.get(detail["type"], detail["msg"]).format(**detail.get("ctx", {})))

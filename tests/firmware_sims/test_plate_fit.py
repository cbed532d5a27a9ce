"""The simulated plate against the recording: the figures that were fitted, taken of both in the same way."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "fit_plate.py"


@pytest.fixture(scope="module")
def fit_plate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fit_plate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fit_plate"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["fit_plate"]
    return module


def test_the_simulated_plate_shows_what_the_recording_shows(fit_plate: ModuleType) -> None:
    real, model = fit_plate.fitted(fit_plate.recorded()), fit_plate.fitted(fit_plate.simulated(10_000))
    assert model.sd_g == pytest.approx(real.sd_g, rel=0.06)
    assert model.correlation[1] == pytest.approx(real.correlation[1], abs=0.06)
    assert model.correlation[2] == pytest.approx(real.correlation[2], abs=0.12)
    assert len(model.glitches_g) == pytest.approx(len(real.glitches_g), rel=0.35)
    assert model.figures["glitch_log_sd"] == pytest.approx(real.figures["glitch_log_sd"], abs=0.5)
    for (seconds, ours), (_, theirs) in zip(model.wander, real.wander, strict=True):
        assert theirs / 2 < ours < theirs * 2, seconds


def test_the_picture_of_the_fit_is_that_of_the_code(fit_plate: ModuleType) -> None:
    real, model = fit_plate.fitted(fit_plate.recorded()), fit_plate.fitted(fit_plate.simulated(10_000))
    assert fit_plate.PICTURE.read_text() == fit_plate.draw(real, model)

"""Early stopping, also by scores that cannot tell."""

import logging

import pytest

from gequnet.callbacks import EarlyStopping
from helpers.scripted import NAN, trained

FALLING = [1 / step for step in range(1, 9)]
CASES = {
    "a score that rises no more": ([(0.5, loss) for loss in [1.0, 2.0, 2.0]] + [(0.4, 0.1)] * 5, 3),
    "a lower score under a falling loss": ([(0.5, 1.0)] + [(0.4, loss) for loss in FALLING[1:]], 3),
    "an undefined score under a falling loss": ([(NAN, loss) for loss in FALLING], 8),
    "a constant score under a falling loss": ([(0.0, loss) for loss in FALLING], 8),
    "an undefined score and a loss that falls no more": ([(NAN, loss) for loss in [3.0, 2.0, *[2.5] * 6]], 4),
    "nothing defined": ([(NAN, NAN)] * 8, 2),
    "a score that goes on rising": ([(step / 10, 1.0) for step in range(8)], 8),
}


@pytest.mark.parametrize(("scores", "steps"), CASES.values(), ids=CASES.keys())
def test_it_stops_after(scores: list[tuple[float, float]], steps: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "gequnet"):
        trainer = trained([EarlyStopping(monitor="val/dice", mode="max", patience=2)], scores)
    assert trainer.global_step == steps
    assert ("early stopping after step" in caplog.text) == (steps < len(scores))


def test_a_class_in_no_validation_image_does_not_stop() -> None:
    scores = [(1.0 if step == 0 else 0.0, loss) for step, loss in enumerate(FALLING)]
    assert trained([EarlyStopping(monitor="val/dice", mode="max", patience=2)], scores).global_step == 3
    stopping = EarlyStopping(monitor="val/dice", mode="max", patience=2)
    assert trained([stopping], scores, absent=["it"]).global_step == 8

"""Report tables of tests at other scales, and of trainings on fewer images."""

import numpy as np
import pytest

from gequnet.report.comparison_page import write_report
from gequnet.report.comparisons import make_rows
from gequnet.report.finished_runs import find_runs
from gequnet.report.scale_tables import agreement_table, points, scales_table
from helpers.made_runs import made_run, noisy

SCALES = ("0.6", "1", "1.6")


def losing(dice):
    """Content of ``metrics.json`` for a network that loses ``dice`` at other scales."""
    scores = {scale: 0.8 if scale == "1" else 0.8 - dice for scale in SCALES}
    agreements = {scale: 1.0 if scale == "1" else 0.95 - dice for scale in SCALES}
    return {
        "scales": {
            scale: {"dice": scores[scale], "agreement": agreements[scale], "agreement_floor": 0.97} for scale in SCALES
        }
    }


@pytest.fixture
def study(tmp_path):
    for seed in (0, 1):
        made_run(tmp_path / f"u{seed}", "model=unet", f"seed={seed}", metrics=losing(0.3 + seed / 10), arm="U-Net")
        for projection in ("choice", "max"):
            arm = f"Scale U-Net {projection}"
            network = ["model=scale_unet2d", f"model.projection={projection}", "group=scale4"]
            made_run(tmp_path / f"{projection}{seed}", *network, f"seed={seed}", metrics=losing(0.1), arm=arm)
    return tmp_path


def test_every_scale_is_a_column(study):
    rows = make_rows(find_runs([study]), ["model", "model.projection"])
    table = scales_table(rows)
    assert table.columns == ["", *SCALES]
    assert table.rows[0] == ["U-Net", ".4500 ± .0707", ".8000 ± .0000", ".4500 ± .0707"]
    assert table.rows[1][1] == ".7000 ± .0000"
    agreements = agreement_table(rows)
    assert agreements.columns == ["", "0.6", "1.6"]
    assert agreements.rows[-1] == ["truth", ".9700", ".9700"]
    scale, mean, deviation = points(rows[0], "dice")[0]
    assert (scale, mean) == (0.6, pytest.approx(0.45))
    assert deviation == pytest.approx(np.std([0.5, 0.4], ddof=1))


def test_every_projection_is_compared_with_the_plain_network_that_has_none(study):
    rows = make_rows(find_runs([study]), ["model", "model.projection"])
    assert [(row.label, row.reference) for row in rows] == [
        ("U-Net", "U-Net"),
        ("Scale U-Net choice", "U-Net"),
        ("Scale U-Net max", "U-Net"),
    ]


def test_the_page_has_tables_and_a_picture_of_scales(study):
    write_report([study], study / "out", ["model.projection"])
    text = (study / "out" / "report.md").read_text()
    assert "## Dice at other scales" in text
    assert "## Agreement of masks across scales" in text
    assert "(scales.png)" in text
    assert (study / "out" / "scales.png").exists()


def test_runs_without_such_tests_say_nothing_of_scales(tmp_path):
    made_run(tmp_path / "u", "model=unet")
    write_report([tmp_path], tmp_path / "out")
    assert "scales" not in (tmp_path / "out" / "report.md").read_text()
    assert not (tmp_path / "out" / "scales.png").exists()


def test_a_scale_that_one_seed_was_not_tested_at_has_no_mean(tmp_path):
    made_run(tmp_path / "0", "model=unet", "seed=0", metrics=losing(0.1))
    made_run(tmp_path / "1", "model=unet", "seed=1", metrics={"scales": {"1": {"dice": 0.8}}})
    [row] = make_rows(find_runs([tmp_path]))
    assert scales_table([row]).rows[0][1:] == ["–", ".8000 ± .0000", "–"]
    assert [scale for scale, *_ in points(row, "dice")] == [1.0]


@pytest.mark.slow
def test_numbers_of_images_have_their_picture_and_their_own_reference(tmp_path):
    for count in ("10", "null"):
        made_run(tmp_path / f"u{count}", "model=unet", f"data.num_images={count}", dice=noisy(0.7))
        made_run(tmp_path / f"e{count}", "model=e2unet", f"data.num_images={count}", dice=noisy(0.8))
    write_report([tmp_path], tmp_path / "out", ["model", "data.num_images"])
    text = (tmp_path / "out" / "report.md").read_text()
    assert "C8, num_images=10 is better than U-Net, num_images=10" in text
    assert "C8, num_images=all is better than U-Net, num_images=all" in text
    assert "(images.png)" in text

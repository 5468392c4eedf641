"""The whole report, from run folders to pages."""

import base64
import json
import re
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from gequnet.errors import ConfigError
from gequnet.figures.samples import pack_sample, slice_of
from gequnet.report.__main__ import main
from gequnet.report.comparison_page import write_report
from helpers.drawn_samples import sample
from helpers.made_runs import made_run, made_sweep, noisy

FIGURES = ["differences.png", "pareto.png", "curves.png", "panel.png"]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = made_sweep(tmp_path_factory.mktemp("sweep"))
    write_report([folder], folder)
    return folder


class Page(HTMLParser):
    """Parser that collects tables, pictures, unclosed tags and external links."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.tables, self.tags = [], [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


def page(folder):
    return Page((folder / "report.html").read_text())


def test_the_page_needs_no_other_file_and_no_script(sweep):
    found = page(sweep)
    assert found.open == []
    assert not found.tags & {"script", "link", "iframe"}
    assert len(found.links) == len(FIGURES)
    for link, name in zip(found.links, FIGURES, strict=True):
        kind, _, content = link.partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(content) == (sweep / name).read_bytes()
        Image.open(BytesIO(base64.b64decode(content))).verify()
    assert "viewport" in (sweep / "report.html").read_text()
    assert "prefers-color-scheme: dark" in (sweep / "report.html").read_text()


@pytest.mark.slow
def test_a_report_to_be_passed_on_shows_no_test_image(sweep, tmp_path):
    assert main([str(sweep), "--out", str(tmp_path / "out"), "--no-images"]) == 0
    drawn = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert drawn == set(FIGURES) - {"panel.png"}
    assert "panel" not in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.slow
def test_the_borders_are_those_that_the_reference_has_drawn(tmp_path):
    colours = {"e2unet": "orange", "unet": "blue"}
    for model, colour in colours.items():
        made_run(tmp_path / model, f"model={model}")
        Image.new("RGB", (40, 30), colour).save(tmp_path / model / "contours.png")
    write_report([tmp_path], tmp_path / "out")
    assert (tmp_path / "out" / "contours.png").read_bytes() == (tmp_path / "unet" / "contours.png").read_bytes()
    text = (tmp_path / "out" / "report.md").read_text()
    assert "Best, median and worst" in text
    assert main([str(tmp_path / "unet"), str(tmp_path / "e2unet"), "--out", str(tmp_path / "x"), "--no-images"]) == 0
    assert not (tmp_path / "x" / "contours.png").exists()


@pytest.mark.slow
def test_the_reference_can_be_named(sweep, tmp_path, capsys):
    assert main([str(sweep), "--out", str(tmp_path / "out"), "--reference", "C8"]) == 0
    verdicts = {row[0]: row[-1] for row in page(tmp_path / "out").tables[0][1:]}
    assert verdicts["C8"] == "reference"
    assert verdicts["U-Net"] == "worse"
    assert main([str(sweep), "--out", str(tmp_path / "out"), "--reference", "C9"]) == 2
    assert "No arm is called 'C9'" in capsys.readouterr().err


def test_both_pages_hold_the_same_tables(sweep):
    tables = page(sweep).tables
    text = (sweep / "report.md").read_text()
    lines = [
        [cell.strip().replace("\\", "") for cell in line.strip("|").split(" | ")]
        for line in text.partition("## Common settings")[0].splitlines()
        if line.startswith("| ")
    ]
    assert lines == [[cell.strip() for cell in row] for table in tables for row in table]
    assert re.findall(r"\]\((.*?)\)", text) == FIGURES


def test_the_table_says_who_loses(sweep):
    scores = page(sweep).tables[0]
    verdicts = {row[0]: row[-1] for row in scores[1:]}
    assert verdicts["U-Net"] == "reference"
    assert verdicts["C8"] == "better"
    assert verdicts["D4"] == "worse"
    assert "D4 loses to U-Net: Dice −.03" in (sweep / "report.md").read_text()


def test_means_and_deviations_are_those_of_the_seeds(sweep):
    frame = pd.read_csv(sweep / "report.csv")
    values = frame.loc[frame["label"] == "C8", "test.dice"]
    [row] = [row for row in page(sweep).tables[0] if row[0] == "C8"]
    assert row[1] == f"{values.mean():.4f} ± {values.std():.4f}".replace("0.", ".")
    arms = pd.read_csv(sweep / "arms.csv").set_index("arm")
    assert arms.loc["C8", "test.dice.mean"] == pytest.approx(values.mean())
    assert arms.loc["C8", "verdict"] == "better"


def test_the_table_of_runs_has_a_row_for_each_test(sweep):
    frame = pd.read_csv(sweep / "report.csv")
    assert len(frame) == 4 * 3 + 3
    assert frame["test.roc_auc"].isna().all()  # not defined is empty
    again = frame[frame["evaluation"] == "tta_d4"]
    assert list(again["folder"]) == [f"u-net_s{seed}/tta_d4" for seed in range(3)]
    for _, row in frame.iterrows():
        metrics = json.loads((sweep / row["folder"] / "metrics.json").read_text())
        assert metrics["test"]["dice"] == pytest.approx(row["test.dice"])


def test_the_report_says_what_the_sweep_lacks_and_notes(sweep):
    text = (sweep / "report.md").read_text()
    assert "# Groups" in text
    assert "1 of the sweep's 13 jobs left no result: lost." in text
    assert "- A note." in text
    assert "fewer than 3 seeds" not in text


def test_costs_and_what_they_cost_beside(sweep):
    costs = page(sweep).tables[2]
    [c8] = [dict(zip(costs[0], row, strict=True)) for row in costs if row[0] == "C8"]
    assert c8["parameters"] == "62 000 (×1.00)"
    assert c8["MFLOPs a patch"] == "1 200 (×3.00)"
    assert c8["ms a training step"] == "300.0 (×3.00)"
    [averaged] = [dict(zip(costs[0], row, strict=True)) for row in costs if "averaging" in row[0]]
    assert averaged["MFLOPs a patch"] == "3 200 (×8.00)"


def test_the_worst_equivariance_error_of_each_kind(sweep):
    head, *lines = page(sweep).tables[3]
    assert head == ["", "quarter turns", "mirrors", "45°"]
    assert [line[0] for line in lines] == ["U-Net", "U-Net, tested with D4 averaging", "C4", "C8", "D4"]
    assert lines[0][1:] == ["6.0e-07", "2.0e-01", "2.5e-01"]  # mean of 3e-7, 6e-7 and 9e-7 over seeds


def test_a_difference_within_the_spread_over_seeds_is_said(tmp_path):
    for seed, shift in enumerate((0.1, -0.08)):
        made_run(tmp_path / f"u{seed}", "model=unet", f"seed={seed}", dice=noisy(0.7))
        made_run(tmp_path / f"c{seed}", "model=e2unet", "group=c4", f"seed={seed}", dice=noisy(0.7) + shift)
        made_run(tmp_path / f"d{seed}", "model=e2unet", "group=d4", f"seed={seed}", dice=noisy(0.8) + shift / 100)
    write_report([tmp_path], tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "C4 is better than U-Net" in text
    assert "- C4: less than two standard errors over seeds from the reference." in text


def test_marks_and_footnotes(tmp_path):
    missed = {"match": {"budget": "channels", "met": False, "miss": "[3, 4, 8] has 2.3 % more", "ratios": {}}}
    made_run(tmp_path / "u", "model=unet", "width=channels")
    made_run(tmp_path / "c", "model=e2unet", "width=channels", metrics=missed)
    write_report([tmp_path], tmp_path)
    assert [row[0] for row in page(tmp_path).tables[0][1:]] == ["U-Net*", "C8*†"]
    text = (tmp_path / "report.md").read_text()
    assert r"| C8\*† |" in text
    assert "† C8 missed its budget: [3, 4, 8] has 2.3 % more." in text
    assert r"\* As many channels as the baseline" in text


@pytest.mark.slow
def test_few_seeds_and_few_images_are_said(tmp_path):
    made_run(tmp_path / "u", "model=unet", dice=noisy(0.7, 5))
    made_run(tmp_path / "c", "model=e2unet", "seed=4", dice=noisy(0.8, 5))
    write_report([tmp_path], tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "All arms have fewer than 3 seeds" in text
    assert "do not have the same seeds" in text
    assert "5 test images and 1 comparison are too few for the test: the smallest possible corrected p is .0625" in text
    assert "No difference between C8 and U-Net is shown" in text
    assert "± –" in text  # no deviation of one seed


def test_machines_that_differ_are_said(tmp_path):
    made_run(tmp_path / "u", "model=unet")
    made_run(tmp_path / "c", "model=e2unet", metrics={"versions": {"device": "H200", "commit": "58ef852"}})
    write_report([tmp_path], tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "The runs differ in device: H200 and one thread. Times cannot be compared." in text
    assert "differ in commit" not in text


def test_fundus_images_have_all_regions_and_a_second_observer(tmp_path):
    second = {"second_observer": {"dice_fov": 0.788, "dice_whole": 0.7, "dice_whole_masked": 0.75}}
    made_run(tmp_path / "u", "model=unet", fov=True, metrics=second)
    made_run(tmp_path / "c", "model=e2unet", fov=True, dice=noisy(0.9, 8))
    write_report([tmp_path], tmp_path / "out")
    table = page(tmp_path / "out").tables[0]
    assert table[0][1:4] == ["Dice", "Dice, whole image", "Dice, whole image, network alone"]
    assert table[-1] == ["second observer", ".7880", ".7500", ".7000", "–", "–", "human"]


@pytest.mark.slow
def test_orientation_and_number_of_patches_have_their_pictures(tmp_path):
    facts = {"image": [*"aabbccdd"], "orientation": np.linspace(0, 179, 8)}
    for count in (20, 200):
        for model in ("unet", "e2unet"):
            made_run(tmp_path / f"{model}{count}", f"model={model}", f"data.num_patches={count}", facts=facts)
    write_report([tmp_path], tmp_path / "out", ["num_patches"])
    assert (tmp_path / "out" / "orientation.png").exists()
    assert (tmp_path / "out" / "patches.png").exists()
    text = (tmp_path / "out" / "report.md").read_text()
    assert "4 arms, 4 tests of 8 patches of 4 images each" in text
    assert "all images have the same weight" in text


def test_volumes_have_surfaces_classes_and_slices(tmp_path):
    for model, better in (("unet3d", 0.0), ("scale_unet3d", 0.1)):
        scores = {"dice": 0.7 + better, "dice/anterior": 0.6 + better, "dice/posterior": 0.8 + better}
        scores |= {"iou": 0.5, "hd95_mm": 3.25 - better, "hd95_mm/anterior": 4.5, "hd95_mm/posterior": 2.0}
        made_run(tmp_path / model, f"model={model}", "data=phantom_tumours", samples=False, metrics={"test": scores})
        kept = {name: pack_sample(slice_of(volume(name))) for name in ("small", "large")}
        arrays = {f"{name}/{part}": array for name, parts in kept.items() for part, array in parts.items()}
        np.savez_compressed(tmp_path / model / "samples.npz", **arrays)
    write_report([tmp_path], tmp_path / "out")
    scores, classes, *_ = page(tmp_path / "out").tables
    assert scores[0][1:4] == ["Dice", "IoU", "HD95, mm ↓"]
    assert scores[1][3] == "3.2500 ± –"
    heads = ["anterior: Dice", "posterior: Dice", "anterior: HD95, mm ↓", "posterior: HD95, mm ↓"]
    assert classes[0] == ["", *heads]
    assert classes[2][1:] == [".7000 ± –", ".9000 ± –", "4.5000 ± –", "2.0000 ± –"]
    text = (tmp_path / "out" / "report.md").read_text()
    assert "Lower is better" in text
    assert "the axial slice with the most foreground" in text
    with Image.open(tmp_path / "out" / "panel.png") as picture:
        assert picture.size[1] > picture.size[0]  # two volumes, four rows


def test_membranes_have_scores_of_cells_and_of_the_background(tmp_path):
    scores = {"dice": 0.8, "dice/membrane": 0.8, "dice/cell": 0.95, "iou": 0.7, "iou/membrane": 0.7, "iou/cell": 0.9}
    scores |= {"v_rand": 0.97, "v_info": 0.98, "pixel_error": 0.08}
    for model in ("unet", "e2unet"):
        made_run(tmp_path / model, f"model={model}", "threshold_by=dice", metrics={"test": scores})
    write_report([tmp_path], tmp_path / "out")
    table, classes, *_ = page(tmp_path / "out").tables
    assert table[0][1:6] == ["Dice", "IoU", "V_rand", "V_info", "pixel error ↓"]
    assert table[1][3:6] == [".9700 ± –", ".9800 ± –", ".0800 ± –"]
    assert classes[0] == ["", "membrane: Dice", "cell: Dice", "membrane: IoU", "cell: IoU"]
    assert classes[1][4] == ".9000 ± –"
    text = (tmp_path / "out" / "report.md").read_text()
    assert "as the ISBI 2012 challenge" in text
    assert "threshold with the best validation" in text


def volume(name):
    return sample(1, 3, True, (20, 24, 6), name) | {"spacing": torch.tensor([1.0, 1.0, 4.0])}


def test_one_run_alone_without_pictures_makes_a_report(tmp_path):
    made_run(tmp_path / "u", "model=unet", samples=False)
    (tmp_path / "u" / "history.csv").unlink()
    write_report([tmp_path / "u"], tmp_path / "out")
    assert len(page(tmp_path / "out").tables) == 3
    assert not list((tmp_path / "out").glob("*.png"))


def test_names_are_escaped(tmp_path):
    made_run(tmp_path / "u", "model=unet", arm="<b>|*")
    write_report([tmp_path], tmp_path / "out", title="a < b")
    assert "<b>" not in (tmp_path / "out" / "report.html").read_text()
    assert "a &lt; b" in (tmp_path / "out" / "report.html").read_text()
    assert r"| <b>\|\* |" in (tmp_path / "out" / "report.md").read_text()


def test_a_report_does_not_overwrite_the_pictures_of_a_run(tmp_path):
    run = made_run(tmp_path / "u", "model=unet")
    with pytest.raises(ConfigError, match=r"a run's folder.*--out"):
        write_report([run], run)


def test_the_command_writes_beside_the_runs(tmp_path, capsys):
    made_run(tmp_path / "u", "model=unet", "loss=dice")
    made_run(tmp_path / "c", "model=e2unet", "loss=bce")
    assert main([str(tmp_path), "--vary", "loss", "--title", "Losses"]) == 0
    assert capsys.readouterr().out.split() == ["report", str(tmp_path / "report.html")]
    assert "<h1>Losses</h1>" in (tmp_path / "report.html").read_text()


def test_a_mistake_is_one_sentence_and_exit_code_2(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made_run(tmp_path / "u", "model=unet", "loss=dice")
    made_run(tmp_path / "c", "model=e2unet", "loss=bce")
    assert main([str(tmp_path / "u"), str(tmp_path / "c")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "--vary loss" in said.err
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("los", "the nearest is loss; "), ("optim.lrr", "the nearest are optim.lr, "), ("metrics.tresh", ""), ("zz", "")],
)
def test_a_name_to_vary_that_no_run_has_is_refused(name, nearest, tmp_path, capsys):
    run = made_run(tmp_path / "u", "model=unet")
    assert main([str(run), "--vary", "lr", "--vary", name, "--out", str(tmp_path / "out")]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"There is no setting called {name} in these runs; {nearest}")
    assert not (tmp_path / "out").exists()

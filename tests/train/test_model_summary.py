"""Summary of the network, its data and its training, printed before a training."""

from pathlib import Path

import pytest

from gequnet.config.build import build, build_net
from gequnet.config.compose import CONF, compose, resolve
from gequnet.errors import ShapeError
from gequnet.nets.costs import meta_copy, meta_image, parameters
from gequnet.nets.e2unet import E2UNet
from gequnet.nets.unet import UNet
from gequnet.train.model_summary import describe, exact_symmetries, level_rows, print_summary
from helpers.slow import slow_unless

MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))


@pytest.mark.parametrize("model", slow_unless(lambda model: model in ("unet", "e2unet"), MODELS))
def test_every_network_says_what_it_is(model: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = "phantom_tumours" if model.endswith("3d") else "phantom_vessels"
    words = [f"paths.run={tmp_path}", f"model={model}", f"data={data}", "width=fixed", "width.widths=[2,3,4]"]
    cfg = resolve(compose([*words, "data.patch_size=16", "trainer.max_steps=70"]))
    net = build_net(cfg)
    print_summary(cfg, build(cfg.data), net)
    said = capsys.readouterr().out
    assert (tmp_path / "summary.txt").read_text() == said
    assert len(said.splitlines()) <= 20
    rows = list(level_rows(net, [16] * net.spatial_dims))
    assert [name for name, *_ in rows] == ["encoders.0", "encoders.1", "encoders.2", "decoders.0", "decoders.1"]
    assert all("channels" in what for _, what, *_ in rows)
    assert f"parameters  {parameters(net)}: encoder" in said
    assert "70 steps of" in said
    assert "AdamW at 0.01, loss dice_ce" in said


def test_levels_are_as_large_as_they_are() -> None:
    rows = list(level_rows(UNet(1, 1, [2, 3, 4]), [17, 30]))
    assert [sides for *_, sides, _ in rows] == ["17x32", "9x16", "5x8", "9x16", "17x32"]


def test_a_restriction_shows() -> None:
    net = E2UNet(1, 1, [2, 3], "d8", restrict={1: "d4"})
    first, second, last = (what for _, what, *_ in level_rows(net, [16, 16]))
    assert first == "2 fields of D8 regular = 32 channels"
    assert (second, last) == ("6 fields of D4 regular = 48 channels", "4 fields of D4 regular = 32 channels")
    assert exact_symmetries(net) == "rotations by 90°, 180°, 270° and 4 mirrors, exact at every input size"


@pytest.mark.parametrize(
    ("group", "said"),
    [("c2", "rotations by 180°,"), ("d1", "1 mirror,"), ("so2", "90°, 180°, 270°,"), ("c1", "none exact;")],
)
def test_what_is_exact_is_what_the_grid_allows(group: str, said: str) -> None:
    assert said in exact_symmetries(E2UNet(1, 1, [2, 3], group))


def test_sizes_that_are_refused_are_not_promised() -> None:
    net = E2UNet(1, 1, [2, 3], "c4", downsample="strided")
    assert net.sizes == "odd sides, padded to a multiple of 2 plus 1"
    paper = meta_copy(net).eval()
    paper(meta_image(paper, 17))
    with pytest.raises(ShapeError):
        paper(meta_image(paper, 16))


def test_a_network_that_says_nothing_of_its_types_has_fewer_lines() -> None:
    net = UNet(1, 1, [2, 3])
    del net.types
    said = list(describe(net, [16, 16]))
    assert said[0] == "UNet: 1 channel -> 1 logit"
    assert said[1].startswith("  parameters")

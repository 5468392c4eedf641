import pytest
import torch
from scipy import stats

from gequnet.data.sampler import generator_for
from gequnet.data.transforms.noise import Noise
from gequnet.data.transforms.patch import Patch
from gequnet.errors import ConfigError

SIZE = (64, 64)


def grey(value=0.5, channels=3):
    empty = torch.zeros(SIZE, dtype=torch.uint8)
    return Patch(torch.full((channels, *SIZE), value), empty, empty == 0)


def test_its_deviation_is_uniform_up_to_the_largest_and_its_values_are_gaussian():
    noise, generator = Noise(0.1), generator_for("noise")
    drawn = [noise(grey(), SIZE, generator).image - 0.5 for _ in range(300)]
    deviations = [float(each.std()) for each in drawn]
    assert stats.kstest(deviations, stats.uniform(0, 0.1).cdf).pvalue > 0.01
    standard = torch.cat([each.flatten()[:50] / each.std() for each in drawn])
    assert stats.kstest(standard, stats.norm.cdf).pvalue > 0.01


def test_each_pixel_and_channel_has_its_own():
    change = Noise(0.1)(grey(), SIZE, generator_for(1)).image - 0.5
    correlations = torch.corrcoef(torch.cat([change.flatten(1), change.flatten(1).roll(1, 1)]))
    assert correlations.fill_diagonal_(0).abs().max() < 0.06  # 4096 pixels: one deviation is .016


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_it_is_cut_at_black_and_at_white(value):
    changed = Noise(0.1)(grey(value), SIZE, generator_for(2)).image
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert 0.4 < (changed == value).float().mean() < 0.6


def test_labels_and_field_of_view_are_the_same_and_the_patch_given_is_left_alone():
    patch = grey()
    changed = Noise(0.1)(patch, SIZE, generator_for(3))
    assert changed.mask is patch.mask
    assert changed.valid is patch.valid
    assert torch.equal(patch.image, grey().image)
    assert not torch.equal(changed.image, patch.image)


def test_no_noise_is_no_change():
    assert torch.equal(Noise(0.0)(grey(), SIZE, generator_for(4)).image, grey().image)


@pytest.mark.parametrize("value", [812.0, -700.0])
def test_intensities_in_another_unit_are_refused_and_not_cut(value):
    with pytest.raises(ConfigError, match=f"from 0 to 1, and here they are {value:.3g}"):
        Noise(0.1)(grey(value), SIZE, generator_for(5))


def test_a_negative_deviation_is_refused():
    with pytest.raises(ConfigError, match=r"std=-0.1"):
        Noise(-0.1)

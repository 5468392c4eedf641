"""Every file of conf/ composes and names existing objects; values that do not fit are refused with a message."""

from functools import cache
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from gequnet.config.build import build, build_net, match_widths
from gequnet.config.compose import CONF, arms_of, compose, resolve
from gequnet.config.explain import choices, explain
from gequnet.errors import ConfigError, GequnetError
from gequnet.runs.fingerprint import TABLES
from gequnet.train.validate_config import validate_config
from helpers.slow import slow_unless

ELSEWHERE = {"callbacks", "data", "experiment", "loss", "model", "optim", "scheduler", "augment", "metrics"}
CHOICES = [  # of the other groups; the choices of these are composed by further tests
    (group, choice) for group, names in choices().items() if group not in ELSEWHERE for choice in names
]
FIRST = {"chase", "msd", "phantom_tumours2d", "voc2012"}  # one of each kind: the others are slow, as there are many
SMALL = ["width=fixed", "width.widths=[2,3]", "model.depth=2", "paths.run=here"]


def composed(*overrides: str) -> DictConfig:
    return resolve(compose([*overrides, "paths.run=here"]))


def written(group: str, choice: str) -> Any:
    """A file of conf/ as it is: to compose hundreds of configurations would make every collection slow."""
    return OmegaConf.load(CONF / group / f"{choice}.yaml")


def dims(kind: str, choice: str) -> int:
    node = written(kind, choice)
    return int(node.get(kind, {} if kind == "model" else node).get("spatial_dims", 2))


def fitting_pairs() -> list[Any]:
    """Pairs of a network and a dataset; with one network for each number of axes all datasets are quick enough."""
    known = choices()
    return [
        pytest.param(model, data, marks=() if data in FIRST or model == "unet3d" else pytest.mark.slow)
        for model in known["model"]
        for data in known["data"]
        if dims("model", model) == dims("data", data)
    ]


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes(group: str, choice: str) -> None:
    assert "hydra" not in composed(f"{group}={choice}")


def test_help_names_what_exists() -> None:
    """Each value of the help is a valid override, together with the choices that it needs."""
    text = (CONF / "hydra" / "help" / "gequnet.yaml").read_text()
    values = text.partition("VALUES, name=value")[2].partition("Add a new value")[0].splitlines()
    names = [line.split()[0] for line in values if line.strip()]
    assert {"paths.data", "trainer.max_steps", "optim.lr", "logger.mode"} <= set(names)
    compose(["logger=wandb", *[f"{name}=1" for name in names]])


@pytest.mark.parametrize(("model", "data"), fitting_pairs())
def test_every_model_fits_every_data_of_its_dimension(model: str, data: str) -> None:
    cfg = resolve(compose([f"model={model}", f"data={data}", *SMALL]))
    validate_config(cfg)
    net = build_net(cfg).eval()
    image = torch.zeros(1, cfg.data.in_channels, *[17, 20, 9][: cfg.data.spatial_dims])
    assert net(image).shape == (1, cfg.data.num_classes, *image.shape[2:])


@pytest.mark.parametrize("model", choices()["model"])
def test_every_model_has_as_many_parameters_as_the_baseline(model: str) -> None:
    cfg = composed(f"model={model}", f"data.spatial_dims={dims('model', model)}")
    validate_config(cfg)
    parameters = sum(parameter.numel() for parameter in build_net(cfg).parameters())
    baseline = build(cfg.width.baseline)(widths=list(cfg.width.widths))
    assert parameters == pytest.approx(sum(p.numel() for p in baseline.parameters()), rel=0.05)


@pytest.mark.parametrize("group", [name for name in choices()["group"] if name != "none"])
def test_every_group_has_its_name(group: str) -> None:
    assert str(instantiate(OmegaConf.load(CONF / "group" / f"{group}.yaml"))) == group


@pytest.mark.parametrize("node", ["optim", "scheduler", "loss", "augment", "metrics", "data"])
def test_every_node_is_a_constructor_call(node: str) -> None:
    for choice in choices()[node]:
        excluding = choice in ("cross_entropy", "pixelwise_softmax")
        heads = ("softmax", "data.num_classes=2") if excluding else ("sigmoid", "seed=0")
        cfg = composed(f"{node}={choice}", f"data.head={heads[0]}", heads[1])
        assert build(cfg[node]) is not None


@pytest.mark.parametrize("choice", choices()["callbacks"])
def test_callbacks_build(choice: str) -> None:
    assert all(build(node) for node in composed(f"callbacks={choice}").callbacks.values())


def test_experiments_overrule_everything_but_the_command_line() -> None:
    assert compose(["experiment=drive"]).chosen.group == "d4"
    assert compose(["experiment=drive", "group=c4"]).chosen.group == "c4"
    assert compose(["model=unet"]).chosen.group == "none"


def test_budget_and_epochs_say_how_long() -> None:
    assert composed("budget=smoke").trainer.max_steps == 20
    assert composed("trainer.max_epochs=3").trainer.max_steps == -1
    assert composed("trainer.max_epochs=3", "trainer.max_steps=7").trainer.max_steps == 7


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=unet", "group=c8"], "model=unet has no group and cannot use group=c8"),
        (["model=e2unet", "group=none"], "model=e2unet needs a group"),
        (["model=e2unet", "group=scale3"], "works with a PlaneGroup, and group=scale3 is a ScaleGroup"),
        (["model=scale_unet2d", "group=c8"], "works with a ScaleGroup, and group=c8 is a PlaneGroup"),
        (["model=unet3d"], "model=unet3d is a 3-D network and data=phantom_vessels is 2-D"),
        (["data.head=softmax"], "needs two classes"),
        (["budget=ful"], "the nearest is budget=full"),
        (["optim.lr=fast"], "optim.lr=fast must be a number"),
        (["optim.lr=-1"], "optim.lr=-1 must be at least 0"),
        (["seed=1.5"], "seed=1.5 must be a whole number"),
        (["trainer.max_steps=-1"], "trainer.max_steps=-1 sets no end"),
    ],
)
def test_what_does_not_fit_is_refused(overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate_config(compose([*overrides, "paths.run=here"]))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_loss_that_does_not_fit_the_head_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not fit head=sigmoid"):
        build(composed("loss=cross_entropy").loss)


def test_an_argument_that_nobody_reads_is_refused() -> None:
    with pytest.raises(GequnetError, match="unexpected keyword argument 'foo'"):
        build_net(composed("+model.foo=3"))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("group=c9", "There is no group=c9; the nearest are group=c8"),
        ("data=driv", "the nearest is data=drive"),
        ("grop=c8", "nothing called grop in this configuration; the nearest is group;"),
        ("optim.lrr=1", "nothing called optim.lrr in this configuration; the nearest are optim.lr"),
        ("lr=1", "the nearest is optim.lr;"),
        ("model=unet,e2unet", "sweep over them with -m"),
        ("foo", "write name=value"),
    ],
)
def test_what_does_not_exist_is_explained(override: str, words: str) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        compose([override])
    sentence = explain(caught.value, [override])
    assert words in sentence
    assert "\n" not in sentence


def head_of(data: str) -> str | None:
    node = written("data", data)
    head: str | None = node.get("data", node).get("head")
    return head


def studies() -> dict[str, list[str]]:
    """The experiments that compare arms, and the names of these."""
    names = choices()["experiment"]
    found = {name: OmegaConf.select(written("experiment", name), "hydra.sweeper.arms") for name in names}
    return {name: [str(arm) for arm in arms] for name, arms in found.items() if arms}


def typed(study: str) -> list[str]:
    """Overrides of an experiment; some need more than its name."""
    return [f"experiment={study}", *(["pretrained=there"] if study == "cats_transfer" else [])]


@cache
def arms_typed(study: str) -> dict[str, list[str]]:
    """The arms of an experiment and their overrides."""
    return arms_of(typed(study))


@cache
def reference(study: str) -> DictConfig:
    """The configuration of an experiment's first arm."""
    first = next(iter(arms_typed(study).values()))
    return resolve(compose([*typed(study), "budget=smoke", *first, "paths.run=here"]))


STUDIES = studies()
SOME_STUDIES = {"cats", "drive_groups", "scale_shift", "volume_data_efficiency"}
OF_VOLUMES = {"scale_shift", "volume_data_efficiency"}  # and of images
OF_ONE_CLASS = {"drive_data_efficiency", "drive_groups", "orientation_shift"}  # by their loss; others are refused
OF_ONE_DATASET = {"isbi_unet2015", "roofs_losses", "cats", "cats_groups", "cats_transfer"}


def arms_of_studies() -> list[Any]:
    """Each arm of each experiment; the last arm of some of them is quick enough."""
    return [
        pytest.param(study, arm, marks=() if arm == arms[-1] and study in SOME_STUDIES else pytest.mark.slow)
        for study, arms in STUDIES.items()
        for arm in arms
    ]


@pytest.mark.parametrize(("study", "arm"), arms_of_studies(), ids=str)
def test_every_arm_of_a_study_fits_together(study: str, arm: str) -> None:
    """All arms are equal beside the compared values, and each network can be built."""
    arms = arms_typed(study)
    cfg = resolve(compose([*typed(study), "budget=smoke", *arms[arm], "paths.run=here"]))
    validate_config(cfg)
    assert match_widths(cfg).ratios["parameters"] == pytest.approx(1, abs=0.05)
    compared = {override.partition("=")[0].partition(".")[0] for overrides in arms.values() for override in overrides}
    for node in {"loss", "optim", "scheduler", "trainer"} - compared:
        assert cfg[node] == reference(study)[node]
    assert cfg.data.batch_size == reference(study).data.batch_size


@pytest.mark.parametrize("study", choices()["experiment"])
def test_what_an_experiment_adds_is_a_table(study: str) -> None:
    """An unused key would be part of the configuration, and nothing would read it."""
    cfg = reference(study) if study in STUDIES else composed(*typed(study))
    assert set(cfg) - set(composed()) <= set(TABLES)


@pytest.mark.parametrize("kind", ["model", "data"])
@pytest.mark.slow
def test_a_file_alone_tells_the_dimension(kind: str) -> None:
    for choice in choices()[kind]:
        assert compose([f"{kind}={choice}"])[kind].get("spatial_dims", 2) == dims(kind, choice)


def test_a_file_alone_tells_arms_and_dataset() -> None:
    for study, arms in STUDIES.items():
        assert list(arms_typed(study)) == arms
    for study in OF_ONE_DATASET:
        assert [compose([*typed(study), "paths.run=here"]).chosen.data] == datasets_of(study)


def datasets_of(study: str) -> list[str]:
    if study in OF_ONE_DATASET:
        defaults = written("experiment", study).defaults
        return [next(each["override /data"] for each in defaults if "override /data" in each)]
    known = [name for name in choices()["data"] if dims("data", name) == 2 or study in OF_VOLUMES]
    heads = {name: head_of(name) for name in known}
    return [name for name in known if study not in OF_ONE_CLASS or heads[name] != "softmax"]


def pairs() -> list[Any]:
    """Pairs of a study and a dataset that it takes."""
    found = [(study, data) for study in STUDIES for data in datasets_of(study)]
    quick = [data == "chase" or (study in SOME_STUDIES and data == "phantom_tumours2d") for study, data in found]
    return [
        pytest.param(*pair, marks=() if soon else pytest.mark.slow) for pair, soon in zip(found, quick, strict=True)
    ]


@pytest.mark.parametrize(("study", "data"), pairs())
def test_every_study_takes_every_dataset(study: str, data: str) -> None:
    overrides = [*typed(study), f"data={data}"]
    plain = next(iter(arms_of(overrides).values()))
    cfg = resolve(compose([*overrides, *plain, "budget=smoke", "paths.run=here"]))
    validate_config(cfg)
    assert cfg.data.name == data
    assert build(cfg.data).source.name == build(cfg.data.source).name
    assert build(cfg.loss).head == cfg.data.head


@pytest.mark.parametrize("budget", slow_unless(lambda budget: budget == "cpu", ["smoke", "cpu", "full"]))
@pytest.mark.parametrize("study", STUDIES)
def test_every_study_has_every_budget(study: str, budget: str) -> None:
    cfg = resolve(compose([*typed(study), f"budget={budget}", "paths.run=here"]))
    validate_config(cfg)
    assert cfg.trainer.max_steps == cfg.steps[budget]


@pytest.mark.parametrize("study", sorted(OF_VOLUMES))
@pytest.mark.slow
def test_a_study_of_volumes_has_networks_of_the_datas_dimension(study: str) -> None:
    for data, dimension in (("phantom_tumours2d", 2), ("phantom_tumours", 3)):
        overrides = [f"experiment={study}", f"data={data}"]
        for typed in arms_of(overrides).values():
            cfg = compose([*overrides, *typed, "paths.run=here"])
            validate_config(cfg)
            assert cfg.model.get("spatial_dims", 2) == dimension


def test_a_study_at_equal_channels_has_the_baseline_of_equal_parameters() -> None:
    """Both rules have the same baseline, so that the plain network is trained once."""
    found = [
        match_widths(composed("experiment=scale_shift", f"width={rule}")).widths for rule in ("params", "channels")
    ]
    assert found == [[12, 24, 45]] * 2


def test_scales_are_magnifications() -> None:
    validate_config(compose(["scales=[0.5,1,1.6]", "paths.run=here"]))
    for wrong in ("scales=[]", "scales=0.5", "scales=[0.5,0]", "scales=[big]", "scales=[true]"):
        with pytest.raises(ConfigError, match=r"^scales=\S+ ?\S* must be "):
            validate_config(compose([wrong, "paths.run=here"]))

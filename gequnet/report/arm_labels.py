"""What the arms of a comparison are called: what differs between them, and nothing else."""

import re
from collections import Counter
from collections.abc import Sequence

from gequnet.report.arms import Arm

NETWORKS = {"unet": "U-Net", "unet3d": "3-D U-Net"}
GROUPS = {"so2": "SO(2)", "o2": "O(2)"} | {f"scale{count}": f"{count} scales" for count in (3, 4, 5)}


def labels(arms: Sequence[Arm]) -> list[str]:
    """A name for each arm, each different from the others.

    First comes what an experiment calls the arm, or else the network: ``U-Net``, or the group of one that is
    equivariant, ``C8``, ``4 scales``. Then the width rule and whatever else is being compared, where arms that would
    have the same name differ in it. Last how it was tested, if not as it is.
    """
    names = [str(arm.first.metrics.get("arm") or network(arm)) for arm in arms]
    told = [name for name in dict.fromkeys(name for arm in arms for name in arm.facts) if _tells(name, arms, names)]
    full = [
        ", ".join([name, *(f"{fact}={arm.facts[fact]}" for fact in told if fact in arm.facts)])
        for name, arm in zip(names, arms, strict=True)
    ]
    tested = [name + testing(arm.first.evaluation) for name, arm in zip(full, arms, strict=True)]
    return _distinct(tested, arms)


def network(arm: Arm) -> str:
    """The name of a network by its group, where it has one."""
    model, group = str(arm.chosen["model"]), str(arm.chosen["group"])
    if group == "none":
        return NETWORKS.get(model, model)
    return GROUPS.get(group, group.upper())


def testing(evaluation: str | None) -> str:
    """How the network was tested, for the end of a label.

    >>> testing("tta_d4"), testing("on chase"), testing(None)
    (', tested with D4 averaging', ', tested on chase', '')
    """
    if evaluation is None:
        return ""
    found = re.fullmatch(r"tta_(\w+)", evaluation)
    return f", tested {f'with {found[1].upper()} averaging' if found else evaluation}"


def _tells(fact: str, arms: Sequence[Arm], names: Sequence[str]) -> bool:
    # Names that an experiment gives say what differs between them: a fact is told if it differs under one name. Names
    # that we make say the network only: a fact is told if it differs among all of these.
    families: dict[str, set[str]] = {}
    for arm, name in zip(arms, names, strict=True):
        family = name if arm.first.metrics.get("arm") else ""
        families.setdefault(family, set()).add(arm.facts.get(fact, ""))
    return any(len(values) > 1 for values in families.values())


def _distinct(names: Sequence[str], arms: Sequence[Arm]) -> list[str]:
    # Networks that differ in something nobody named, their depth, say, are told apart by it; the rest is numbered.
    names = [name + _recipe(index, names, arms) for index, name in enumerate(names)]
    total, before = Counter(names), [Counter(names[:index]) for index in range(len(names))]
    return [
        f"{name} ({earlier[name] + 1})" if total[name] > 1 else name
        for name, earlier in zip(names, before, strict=True)
    ]


def _recipe(own: int, names: Sequence[str], arms: Sequence[Arm]) -> str:
    namesakes = [arm.first.settings for arm, name in zip(arms, names, strict=True) if name == names[own]]
    settings = arms[own].first.settings
    keys = [key for key in settings if re.fullmatch(r"model\.(?!widths|group|_target_)\w+", key)]
    differing = [key for key in keys if any(other.get(key) != settings[key] for other in namesakes)]
    return "".join(f", {key.removeprefix('model.')}={settings[key]}" for key in differing)

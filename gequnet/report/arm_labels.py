"""Labels of the arms of a comparison: the facts that differ between them, and nothing else."""

import re
from collections import Counter
from collections.abc import Sequence

from gequnet.report.arms import Arm

NETWORKS = {"unet": "U-Net", "unet3d": "3-D U-Net"}
GROUPS = {"so2": "SO(2)", "o2": "O(2)"} | {f"scale{count}": f"{count} scales" for count in (3, 4, 5)}


def labels(arms: Sequence[Arm]) -> list[str]:
    """A label for each arm, each different from the others.

    First comes the name of the arm in an experiment, or else the network: ``U-Net``, or the group of an equivariant
    one, ``C8``, ``4 scales``. Then come the width rule and other compared settings, where arms with the same name
    differ in them. Last comes the kind of test, if it is not the usual one.
    """
    names = [str(arm.first.metrics.get("arm") or network_name(arm)) for arm in arms]
    facts = dict.fromkeys(name for arm in arms for name in arm.facts)
    shown = [name for name in facts if _distinguishes(name, arms, names)]
    full = [
        ", ".join([name, *(f"{fact}={arm.facts[fact]}" for fact in shown if fact in arm.facts)])
        for name, arm in zip(names, arms, strict=True)
    ]
    tested = [name + testing(arm.first.evaluation) for name, arm in zip(full, arms, strict=True)]
    return _distinct(tested, arms)


def network_name(arm: Arm) -> str:
    """Name of a network: its group if it has one, else its architecture."""
    model, group = str(arm.chosen["model"]), str(arm.chosen["group"])
    if group == "none":
        return NETWORKS.get(model, model)
    return GROUPS.get(group, group.upper())


def testing(evaluation: str | None) -> str:
    """End of a label for another evaluation than the usual test.

    >>> testing("tta_d4"), testing("on chase"), testing(None)
    (', tested with D4 averaging', ', tested on chase', '')
    """
    if evaluation is None:
        return ""
    averaged = re.fullmatch(r"tta_(\w+)", evaluation)
    return f", tested {f'with {averaged[1].upper()} averaging' if averaged else evaluation}"


def _distinguishes(fact: str, arms: Sequence[Arm], names: Sequence[str]) -> bool:
    # Names from an experiment already show what differs between them: a fact is shown if it differs under one name.
    # Our own names show the network only: a fact is shown if it differs among all of these.
    families: dict[str, set[str]] = {}
    for arm, name in zip(arms, names, strict=True):
        family = name if arm.first.metrics.get("arm") else ""
        families.setdefault(family, set()).add(arm.facts.get(fact, ""))
    return any(len(values) > 1 for values in families.values())


def _distinct(names: Sequence[str], arms: Sequence[Arm]) -> list[str]:
    # Networks that differ in another argument, for example their depth, get it in the name; the rest is numbered.
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

"""Lines of configuration that fit the values of a mask, to paste."""

import math
from collections.abc import Iterable, Mapping, Sequence

from gequnet.data.errors import FoundValue
from gequnet.data.formats.mask_settings import MaskValue, is_level
from gequnet.data.formats.mask_values import Shares
from gequnet.data.formats.white_level import white_level

MANY, MANY_NUMBERS = 8, 32
"""Number of values above which a mask was saved with losses, or is no mask; of numbers of a palette."""

VOIDS = (255, 254, 65535)
"""Customary values of pixels that are in no class."""

NUMBERS = "save the class of each pixel as a number"


def fitting_lines(shares: Shares, grey: bool = True, ignore: Sequence[MaskValue] = (), threshold: bool = False) -> str:
    """Advice for a mask with other values than the configuration has.

    Args:
        shares: Values of the mask that are not ignored yet.
        grey: True if numbers are grey levels, False if they are numbers of a palette.
        ignore: Values that the configuration ignores.
        threshold: True if the configuration has a threshold, which a palette does not go with.

    >>> fitting_lines({0: 0.9, 2: 0.1})
    "give 'data.source.palette={background:0,foreground:2}' or data.source.threshold=1"
    >>> fitting_lines({-1: 0.1, 0: 0.8, 1: 0.1})
    'give data.source.ignore=-1'
    """
    unset = " data.source.threshold=null" if threshold else ""
    numbers = [value for value in shares if not isinstance(value, tuple)]
    if len(numbers) < len(shares):
        return _for_colours([value for value in shares if isinstance(value, tuple)], unset)
    void = [value for value in numbers if _is_void(value, numbers)]
    rest = [value for value in numbers if value not in void]
    if not grey and len(rest) > MANY_NUMBERS:
        return NUMBERS
    if grey and len(rest) > MANY:
        return _for_many(rest, void, ignore)
    choices = [_joined(line, void, ignore) for line in _lines(rest, grey, unset)]
    doubtful = [] if void else _doubtful_void(shares, numbers, grey)
    if doubtful:
        others = [value for value in numbers if value not in doubtful]
        choices.append(_joined(_lines(others, grey, unset)[0], doubtful, ignore))
    return f"give {' or '.join(choices)}"


def lines_that_add(unknown: Iterable[FoundValue], classes: int, ignore: Sequence[MaskValue]) -> str:
    """Advice for values that a palette does not have: lines that add them, after those that were typed.

    >>> lines_that_add([7], 2, [255])
    "'+data.source.palette.class2=7' or 'data.source.ignore=[255,7]'"
    """
    values = [_as_setting(value) for value in unknown]
    more = [f"'+data.source.palette.class{number}={_typed(value)}'" for number, value in enumerate(values, classes)]
    possible = all(isinstance(value, Sequence) or math.isfinite(value) for value in values)
    return " or ".join([*([" ".join(more)] if possible else []), _ignore_line([*ignore, *values])])


def ignore_advice(value: int | float, ignore: Sequence[MaskValue]) -> str:
    """Advice to ignore one more value.

    >>> ignore_advice(math.nan, [])
    "give 'data.source.ignore=nan'"
    """
    return f"give {_ignore_line([*ignore, value])}"


def threshold_line(found: Sequence[int | float]) -> str:
    """Line of a threshold between the least and the greatest value: 127 where it fits, else their mean.

    >>> threshold_line([0, 90, 255]), threshold_line([0, 7]), threshold_line([0.25, 1])
    ('data.source.threshold=127', 'data.source.threshold=3.5', 'data.source.threshold=0.625')
    """
    low, high = min(found), max(found)
    if len(found) > 2 and low < 127 < high <= 255:
        return "data.source.threshold=127"
    texts = [f"{low / 2 + high / 2:.{digits}g}" for digits in range(6, 18)] + [_typed(low)]
    return f"data.source.threshold={next(text for text in texts if low <= float(text) < high or text == texts[-1])}"


def _for_many(found: Sequence[int | float], void: Sequence[int | float], ignore: Sequence[MaskValue]) -> str:
    """Advice for many grey levels: a threshold, and a palette where they are numbered like classes."""
    line = _joined(threshold_line(found), void, ignore)
    advice = f"set {line} if brighter pixels are the foreground (of a JPEG, say), or save it again"
    if len(found) > MANY_NUMBERS or not _are_counted(found):
        return advice
    return f"give {_joined(_new_palette(found), void, ignore)} if they are classes, {advice}"


def _for_colours(found: Sequence[tuple[int | float, ...]], unset: str) -> str:
    if not all(is_level(level) for colour in found for level in colour):
        return f"save the mask in colours of 8 bits, or {NUMBERS}"
    if len(found) > MANY:
        return "save the mask without loss, with one colour for each class"
    black, white = (0, 0, 0), (255, 255, 255)
    choices = [_new_palette(found if len(found) > 1 else [black, *found]) + unset]
    if len(found) > 2 and {black, white} <= set(found):
        others = [colour for colour in found if colour != white]
        choices.append(f"{_new_palette(others)}{unset} data.source.ignore=255")
    return f"give {' or '.join(choices)}"


def _lines(found: Sequence[int | float], grey: bool, unset: str) -> list[str]:
    """Lines that fit numbers of which none is ignored; one empty line if none is needed."""
    if not found or _needs_no_line(found, grey):
        return [""]
    palette = _new_palette(found if len(found) > 1 else [0, *found]) + unset
    return [palette, threshold_line(found)] if grey and len(found) == 2 else [palette]


def _needs_no_line(found: Sequence[int | float], grey: bool) -> bool:
    return white_level(found) is not None if grey else set(found) <= {0, 1}


def _are_counted(found: Sequence[int | float]) -> bool:
    """True for 0, 1, 2 and so on."""
    return list(found) == list(range(len(found)))


def _is_void(value: int | float, found: Sequence[int | float]) -> bool:
    """True for a value that can be no class: not finite, or negative beside 0."""
    return not math.isfinite(value) or (value < 0 and (0 in found or len(found) == 1))


def _doubtful_void(shares: Shares, found: Sequence[int | float], grey: bool) -> list[int | float]:
    """The most plausible value that may be void, without which the others fit; empty if there is none."""
    by_rarity = sorted((value for value in found if value), key=lambda value: shares[value])
    negative = [value for value in found if value < 0]
    for value in [*negative, *(void for void in VOIDS if void in found), *by_rarity]:
        others = [other for other in found if other != value]
        counted = value in VOIDS and len(others) > 1 and _are_counted(others)
        if counted or (len(found) == 3 - len(negative) and _needs_no_line(others, grey)):
            return [value]
    return []


def _joined(line: str, void: Sequence[int | float], ignore: Sequence[MaskValue]) -> str:
    return " ".join(filter(None, [line, _ignore_line([*ignore, *void]) if void else ""]))


def _ignore_line(values: Sequence[MaskValue]) -> str:
    if len(values) == 1 and not isinstance(values[0], Sequence):
        line = f"data.source.ignore={_typed(values[0])}"
        return line if isinstance(values[0], int) else f"'{line}'"
    return f"'data.source.ignore=[{','.join(map(_typed, values))}]'"


def _new_palette(found: Sequence[FoundValue]) -> str:
    classes = ["foreground"] if len(found) == 2 else [f"class{number}" for number in range(1, len(found))]
    return _palette_line(dict(zip(["background", *classes], map(_as_setting, found), strict=True)))


def _palette_line(classes: Mapping[str, MaskValue]) -> str:
    return f"'data.source.palette={{{','.join(f'{name}:{_typed(value)}' for name, value in classes.items())}}}'"


def _as_setting(value: FoundValue) -> MaskValue:
    return list(map(int, value)) if isinstance(value, tuple) else value


def _typed(value: MaskValue) -> str:
    """The value with all its digits, as a command line takes it."""
    return f"[{','.join(map(repr, value))}]" if isinstance(value, Sequence) else repr(value)

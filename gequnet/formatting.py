"""Readable durations, sizes in bytes, and large numbers."""

SIZES = ("B", "kB", "MB", "GB", "TB")


def duration(seconds: int | float) -> str:
    """A duration in seconds, minutes or hours.

    >>> [duration(seconds) for seconds in (0.2134, 52.3, 210, 2700, 9000)]
    ['0.21 s', '52 s', '3 min 30 s', '45 min', '2.5 h']
    """
    if seconds < 90:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(amount: int | float) -> str:
    """A number of bytes, in powers of 1000.

    >>> [size(amount) for amount in (12, 512_000, 1_234_000_000)]
    ['12 B', '512 kB', '1.2 GB']
    """
    for unit in SIZES:
        if amount < 999.5 or unit == SIZES[-1]:
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if amount >= 10 or unit in SIZES[:2] else f"{amount:.1f} {unit}"


def large_number(number: int | float) -> str:
    """A large number with the prefix k, M, G, T or P.

    >>> large_number(1_540_000_000), large_number(320_000), large_number(17)
    ('1.5 G', '320 k', '17')
    """
    for unit in ("", "k", "M", "G", "T", "P"):
        if number < 999.5 or unit == "P":
            break
        number /= 1000
    return f"{number:.0f} {unit}".strip() if number >= 10 or not unit else f"{number:.1f} {unit}"

"""Seconds to build a network of about 62 thousand parameters: ours, and the same topology from escnn's modules.

    python benchmarks/build.py --group d8

Cold: ours with an empty cache of kernel bases; escnn's in a fresh process with an empty disk cache. Warm: built once
more in the same process.
"""

import argparse
import time
from collections.abc import Callable

import escnn.group._clebsh_gordan
import escnn_unet
from torch import nn

from gequnet.nets.e2unet import E2UNet
from gequnet.symmetry.kernel_basis import kernel_basis

WIDTHS = {"c4": [8, 15, 27], "c8": [5, 11, 19], "d4": [5, 11, 19], "d8": [3, 8, 13]}


def seconds(build: Callable[[], nn.Module]) -> float:
    """Wall time of one construction."""
    start = time.perf_counter()
    build()
    return time.perf_counter() - start


def main() -> None:
    """Prints a line for each library."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", default="d8", choices=list(WIDTHS))
    group = parser.parse_args().group
    kernel_basis.cache_clear()
    escnn.group._clebsh_gordan.cache.clear(warn=False)
    for name, build in (
        ("gequnet", lambda: E2UNet(3, 1, WIDTHS[group], group)),
        ("escnn", lambda: escnn_unet.build(3, 1, WIDTHS[group], group)),
    ):
        print(f"{group} {name:<8} cold {seconds(build):7.3f} s   warm {seconds(build):7.3f} s", flush=True)


if __name__ == "__main__":
    main()

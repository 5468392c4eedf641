"""Trains, tests and reports: `python run.py model=e2unet group=c8 data=drive`; `--help` says what can be typed."""

import logging
import os
import sys
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gequnet.errors import GequnetError

composed = False  # whether a configuration came out of what was typed


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float:
    """One run of one composed configuration."""
    global composed
    composed = True
    from gequnet import experiment  # Lightning takes seconds that --help can do without

    try:
        return experiment.run(cfg)
    except GequnetError as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # the other jobs of a sweep go on
            logging.getLogger("gequnet").error(experiment.explain(error))
            raise
        give_up(error)


def give_up(error: Exception) -> NoReturn:
    """One sentence on stderr, exit code 2."""
    from gequnet import experiment

    print(experiment.explain(error, sys.argv[1:]), file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra hands errors on instead of printing them
    try:
        main()
    except GequnetError as error:
        give_up(error)
    except Exception as error:
        if composed:  # what happens after that is no slip of the typist
            raise
        give_up(error)

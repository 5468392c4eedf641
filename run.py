"""Trains, tests and reports: `python run.py model=e2unet group=c8 data=drive`; `--help` says what can be typed."""

import os
import sys
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from gequnet.config.secrets import refuse_secrets
from gequnet.errors import GequnetError


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float:
    """One run of one composed configuration."""
    from gequnet import experiment  # Lightning takes seconds that --help can do without

    try:
        return experiment.run(cfg)
    except GequnetError as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # the sweep writes it down and goes on
            raise
        give_up(error)


def give_up(error: Exception) -> NoReturn:
    """One sentence on stderr, exit code 2."""
    from gequnet.config.explain import explain

    print(explain(error, sys.argv[1:]), file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra hands errors on instead of printing them
    try:
        # before Hydra writes them down
        refuse_secrets({name.lstrip("+~"): value for name, _, value in (word.partition("=") for word in sys.argv[1:])})
        main()
    except InstantiationException:  # no slip of the typist: it keeps its traceback
        raise
    except (GequnetError, HydraException, OmegaConfBaseException) as error:
        give_up(error)

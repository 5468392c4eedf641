"""Logger for Weights & Biases that belongs to a run's folder, and never makes a training fail or wait."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.loggers.logger import rank_zero_experiment

from gequnet.config.extras import optional_imports
from gequnet.errors import ConfigError, unknown_choice
from gequnet.runs.provenance import commit
from gequnet.tracking.provenance import remote_of
from gequnet.tracking.run_id import remember, run_id

log = logging.getLogger("gequnet")

OFFLINE, ONLINE, DISABLED = MODES = ("offline", "online", "disabled")
AGENT = "WANDB_SWEEP_ID"
"""Environment variable that ``wandb agent`` sets for the runs that it starts, with ids of its own."""


class WandbRun(WandbLogger):
    """Lightning's logger for W&B; a run that is resumed in its folder continues the same W&B run.

    Without an API key, or without an answer of the server in time, an online run warns and becomes offline:
    ``wandb sync`` can send the files in its folder later. Of git it sends the commit of the working folder and the URL
    of its remote, without user and password.

    Args:
        folder: of the run; holds the id and the offline files.
        mode: ``offline``, ``online`` or ``disabled``.
        project: at W&B.
        entity: user or team at W&B; None for the user's default.
        name: of the run.
        group: name of runs that are shown as one, such as several seeds.
        job_type: training or evaluation, for example.
        tags: to filter by; None among them is ignored.
        init_timeout: seconds to wait for an answer of the server.
        finish_timeout: seconds to wait for the last uploads; the rest stays in the folder.
        save_code: True to send the program and the uncommitted changes.

    Raises:
        ConfigError: the mode does not exist.
    """

    def __init__(
        self,
        folder: str,
        mode: str,
        project: str,
        entity: str | None,
        name: str,
        group: str | None,
        job_type: str,
        tags: Sequence[str | None],
        init_timeout: int | float,
        finish_timeout: int | float,
        save_code: bool,
    ) -> None:
        with optional_imports():  # takes a second that runs without it can do without
            import wandb

        if mode not in MODES:
            raise ConfigError(unknown_choice("logger.mode", str(mode), MODES))
        self.folder, self.init_timeout = Path(folder), init_timeout
        settings = wandb.Settings(
            init_timeout=init_timeout,
            finish_timeout=finish_timeout,
            save_code=save_code,
            x_transaction_log_flush_interval=1.0,  # seconds lost by kill -9; W&B's default is 15
            disable_git=True,  # else it runs git itself and sends the remote with user and password
            git_commit=(commit(Path.cwd()) or "").rstrip("+") or None,
            git_remote_url=remote_of(Path.cwd()),
        )
        super().__init__(
            name=name,
            save_dir=folder,
            id=None if AGENT in os.environ else run_id(self.folder),
            project=project,
            mode=mode,
            entity=entity,
            group=group,
            job_type=job_type,
            tags=[tag for tag in tags if tag is not None],
            settings=settings,
        )
        del self._wandb_init["anonymous"]  # Lightning passes it, W&B no longer accepts it

    @property
    def mode(self) -> str:
        """The actual mode: offline if online was not possible."""
        return str(self._wandb_init["mode"])

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run, started at the first access."""
        if self._experiment is None and self.mode != DISABLED:
            remember(self.folder, self._begun().id)
        return super().experiment

    def _begun(self) -> Any:
        import wandb

        if self.mode == ONLINE:
            try:
                _expect_answer(wandb.setup().settings.base_url, self.init_timeout)
                wandb.login(prompt=False, verify=False)  # or wandb.init asks for a key, and waits
                return super().experiment
            except (wandb.Error, OSError) as error:
                reason, sent_by = str(error).partition("\n")[0], f"wandb sync {self.folder / 'wandb'}"
                log.warning("W&B cannot be used (%s): the run is logged offline; `%s` sends it later", reason, sent_by)
                self._wandb_init["mode"] = OFFLINE
        return super().experiment


def _expect_answer(address: str, seconds: int | float) -> None:
    """Raise if the server does not answer at once; ``wandb.init`` itself tries several times and waits each time."""
    try:
        requests.get(f"{address}/healthz", timeout=seconds)
    except (requests.exceptions.SSLError, requests.exceptions.ProxyError):
        return  # the server is there; W&B has settings of its own for certificates and proxies
    except (requests.ConnectionError, requests.Timeout):
        raise ConnectionError(f"no answer from {address} within {seconds:g} s") from None

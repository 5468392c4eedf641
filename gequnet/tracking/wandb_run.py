"""One session with Weights & Biases: of a folder, and never a reason for a training to fail or to wait."""

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
"""Is set where ``wandb agent`` has started the run: then the id is the one that it has dealt out."""


class WandbRun(WandbLogger):
    """Lightning's logger for W&B, which goes on in the same W&B run wherever the same folder is taken up again.

    Online without an API key, or without a server that answers in time, it says so in a sentence and writes into the
    folder what ``wandb sync`` can send later. What it sends of git is the commit of the working folder, and where that
    is from without whatever is written before an ``@``.

    Args:
        folder: of the run; holds the id, and what is written offline.
        mode: ``offline``, ``online`` or ``disabled``.
        project: at W&B.
        entity: user or team at W&B; None for the user's default.
        name: of the run.
        group: a name that runs share which are to be seen as one, in several seeds.
        job_type: training, evaluation, say.
        tags: to filter by; None among them is left out.
        init_timeout: so many seconds may the server take to answer.
        finish_timeout: so many seconds may the last uploads take; what is left by then stays in the folder.
        save_code: whether W&B gets the program and what git says has been changed.

    Raises:
        ConfigError: there is no such mode.
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
            x_transaction_log_flush_interval=1.0,  # seconds that are lost to a kill -9, 15 if nothing is said
            disable_git=True,  # else it runs git itself, and sends the remote as it is written down
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
        del self._wandb_init["anonymous"]  # which Lightning still gives, and W&B no longer takes

    @property
    def mode(self) -> str:
        """What became of the mode that was asked for."""
        return str(self._wandb_init["mode"])

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The session, begun when it is first asked for."""
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
    """Asks whether anybody is there, since ``wandb.init`` asks several times and waits for each."""
    try:
        requests.get(f"{address}/healthz", timeout=seconds)
    except (requests.exceptions.SSLError, requests.exceptions.ProxyError):
        return  # somebody is; W&B has settings of its own for certificates and proxies
    except (requests.ConnectionError, requests.Timeout):
        raise ConnectionError(f"no answer from {address} within {seconds:g} s") from None

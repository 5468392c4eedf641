"""Segmentation with symmetric networks: equivariant U-Nets, trained and fairly compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gequnet.inference.predictor import Predictor

    __version__: str

__all__ = ["Predictor", "__version__", "load"]


def load(run: str | Path) -> "Predictor":
    """The best checkpoint of a finished run as a function of images, on the CPU.

    Everything is as the run's own configuration has it: normalisation, resampling, windows, threshold. Needs the extra
    ``train``.

    Args:
        run: The run's folder; nothing else is needed.

    Raises:
        ConfigError: It is not the folder of a finished run.
        MissingExtraError: The extra is not installed.
    """
    from gequnet.config.extras import optional_imports

    with optional_imports():
        from omegaconf import OmegaConf

        from gequnet.config.build import build
        from gequnet.data.preprocessing import preprocessing_of
        from gequnet.inference.predictor import Predictor
        from gequnet.inference.sliding_window import whole
        from gequnet.runs.run_folder import load_run, load_scale

    cfg, network = load_run(run)
    recipe: Any = OmegaConf.to_container(cfg, resolve=False)
    inference = cfg.get("inference", {})  # the first runs saw images whole only, and their configurations lack this
    return Predictor(
        network,
        preprocessing_of(cfg.data, load_scale(run)),
        build(inference) if inference else whole,
        in_channels=cfg.data.in_channels,
        class_names=list(cfg.data.class_names),
        spatial_dims=cfg.data.spatial_dims,
        head=cfg.data.head,
        threshold=cfg.metrics.threshold,
        window=inference.get("window"),
        overlap=inference.get("overlap", 0.5),
        recipe=recipe,
    )


if not TYPE_CHECKING:  # where any name would have a type

    def __getattr__(name: str) -> Any:
        if name == "Predictor":
            from gequnet.inference.predictor import Predictor

            return Predictor
        if name == "__version__":
            from importlib.metadata import version

            return version("gequnet")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Exit codes of the commands: a mistake of the user ends with one sentence on stderr and exit code 2."""

import sys
from collections.abc import Callable, Sequence

from gequnet.config.extras import missing_extra
from gequnet.config.typed_command import as_typed
from gequnet.errors import GequnetError, PathError, first_sentence

MISTAKE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def exit_code(work: Callable[[], int], overrides: Sequence[str] = (), interrupted: str = "Stopped.") -> int:
    """Run a command and return its exit code.

    A mistake of the user becomes one sentence on stderr and exit code 2: a ``GequnetError``, what Hydra and OmegaConf
    raise about a configuration, a path that cannot be written, and an extra that is not installed. Any other error is
    a bug and keeps its traceback.

    Args:
        work: the command; returns its exit code.
        overrides: ``name=value`` as typed; among their names the nearest to an unknown one is sought.
        interrupted: the sentence for Ctrl-C, which gives exit code 130.

    >>> exit_code(lambda: 0)
    0
    """
    try:
        return work()
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        mistake = missing_extra(error) or path_error(error) or error
        if not is_mistake(mistake):
            raise
        return print_mistake(mistake, overrides)


def path_error(error: BaseException) -> PathError | None:
    """The mistake in a path behind an error of the system, such as a folder that must not be written; else None."""
    wrong = isinstance(error, PermissionError | NotADirectoryError | FileExistsError | IsADirectoryError)
    if not wrong or not isinstance(error, OSError) or not error.filename or not error.strerror:
        return None
    return PathError(str(error.filename), error.strerror)


def print_mistake(error: Exception, overrides: Sequence[str] = ()) -> int:
    """Print one sentence about a mistake on stderr, and return exit code 2."""
    if isinstance(error, GequnetError):
        sentence = first_sentence(str(error))
    else:
        from gequnet.config.explain import explain  # which needs Hydra

        sentence = explain(error, list(overrides))
    print(as_typed(sentence), file=sys.stderr)
    return MISTAKE


def is_mistake(error: Exception) -> bool:
    """True for an error that the user can correct; a constructor that fails under Hydra is a bug."""
    if isinstance(error, GequnetError):
        return True
    if "hydra" not in sys.modules:
        return False
    from hydra.errors import HydraException, InstantiationException
    from omegaconf.errors import OmegaConfBaseException

    return isinstance(error, HydraException | OmegaConfBaseException) and not isinstance(error, InstantiationException)

"""What a user did, said in one sentence: the errors that ``run.py`` turns into a line and an exit code."""


class GequnetError(Exception):
    """A mistake that the user can mend: says what came, what was expected, and what to do now."""


class ShapeError(GequnetError, ValueError):
    """A tensor of a shape that a network does not take."""


class ConfigError(GequnetError):
    """The configuration asks for something that does not exist or does not fit together."""


class CheckpointError(ConfigError):
    """A checkpoint that cannot be read, or must not be."""


class SweepError(GequnetError):
    """Some jobs of a sweep failed; the others are finished."""

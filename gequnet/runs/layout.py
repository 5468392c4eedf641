"""Names of the files in a run's folder and in a sweep's, and how a table is written there."""

import csv
import signal
from pathlib import Path
from typing import Any

STOPPED = 128 + signal.SIGTERM
"""The exit code of a run that was told to stop: start it again, it is not broken."""
FINISHED = "metrics.json"
"""What a run leaves in its folder when it is finished."""
AUTO = "auto"
"""With ``resume=auto`` the same words go on in the same folder."""
SWEEP = "sweep.json"
FAILED = "error.txt"


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes a table, with a column for whatever any row has."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)

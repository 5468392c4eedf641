"""Stand-in for W&B's server with one sweep, whose grid it hands out to ``wandb agent``."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import yaml

from helpers.wandb_server import ENTITY, Server

SWEEP = "s1234567"


class SweepServer(Server):
    """Server that registers a sweep from ``wandb sweep`` and gives an idle agent the next run."""

    def __init__(self) -> None:
        super().__init__()
        self.sweep: dict[str, Any] = {}  # as it was registered
        self.grid: Iterator[dict[str, Any]] = iter(())  # runs not yet handed out
        self.dealt: list[dict[str, Any]] = []
        self.runs: dict[str, dict[str, Any]] = {}  # messages about each run, by its id

    def upsert_sweep(self, given: dict[str, Any]) -> dict[str, Any]:
        self.sweep = yaml.safe_load(given["config"])
        names = list(self.sweep["parameters"])
        points = itertools.product(*(self.sweep["parameters"][name]["values"] for name in names))
        self.grid = (dict(zip(names, point, strict=True)) for point in points)
        project = {"id": "p", "name": given["projectName"], "entity": {"id": "e", "name": ENTITY}}
        return {"upsertSweep": {"sweep": {"name": SWEEP, "project": project}, "configValidationWarnings": []}}

    def sweep_with_runs(self, given: dict[str, Any]) -> dict[str, Any]:
        sweep = {"id": SWEEP, "name": SWEEP, "config": yaml.safe_dump(self.sweep), "runs": {"edges": []}}
        return {"project": {"sweep": sweep}}

    def create_agent(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"createAgent": {"agent": {"id": "agent"}}}

    def heartbeat(self, given: dict[str, Any]) -> dict[str, Any]:
        commands = []
        if not json.loads(given["runState"]) and (point := next(self.grid, None)):
            self.dealt.append(point)
            args = {name: {"value": value} for name, value in point.items()}
            run = {"run_id": f"run{len(self.dealt)}", "program": self.sweep["program"], "args": args}
            commands = [{"id": "1", "type": "run", **run}]
        return {"agentHeartbeat": {"agent": {"id": "agent"}, "commands": json.dumps(commands)}}

    def upsert_bucket(self, given: dict[str, Any]) -> dict[str, Any]:
        said = {name: value for name, value in given.items() if value is not None}
        self.runs.setdefault(given["name"], {}).update(said)
        return super().upsert_bucket(given)

    def bucket(self, run: str) -> dict[str, Any]:
        return super().bucket(run) | {"sweepName": SWEEP}

"""A stand-in for the server of Weights & Biases: it knows one sweep, deals out its grid, and takes what runs send.

It answers the questions of ``wandb sweep``, ``wandb agent`` and ``wandb.init`` as the real one does, keeps what it was
told, and says of whatever else it is asked that there is nothing.
"""

import gzip
import itertools
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

ENTITY, SWEEP = "somebody", "s1234567"


class Server(ThreadingHTTPServer):
    """Listens on a free port of this machine; see ``address``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.sweep: dict[str, Any] = {}  # as it was registered
        self.grid: Iterator[dict[str, Any]] = iter(())  # what is still to be dealt out
        self.dealt: list[dict[str, Any]] = []
        self.runs: dict[str, dict[str, Any]] = {}  # what was said about each run, by its id
        self.sent: dict[str, list[dict[str, Any]]] = {}  # the rows of the history of each run

    def answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """What GraphQL gives back: of an operation ``UpsertSweep`` what ``upsert_sweep`` says."""
        known = getattr(self, re.sub(r"(?<!^)([A-Z])", r"_\1", operation).lower(), None)
        return known(given) if known else {}

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is no error."""

    def viewer(self, given: dict[str, Any]) -> dict[str, Any]:
        teams = {"edges": [{"node": {"name": ENTITY}}]}
        return {"viewer": {"id": "1", "entity": ENTITY, "username": ENTITY, "email": "", "flags": "{}", "teams": teams}}

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
        """A run whenever the agent has none."""
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
        project = {"name": given["project"], "entity": {"name": ENTITY}}
        bucket = {"id": given["name"], "name": given["name"], "displayName": given["displayName"], "sweepName": SWEEP}
        return {"upsertBucket": {"bucket": {**bucket, "historyLineCount": 0, "project": project}, "inserted": True}}

    def create_run_files(self, given: dict[str, Any]) -> dict[str, Any]:
        files = [{"name": name, "uploadUrl": f"{self.address}/upload/{name}"} for name in given["files"]]
        return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files}}


class Handler(BaseHTTPRequestHandler):
    """GraphQL, and the streams of files."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/graphql":
            asked = json.loads(body)
            named = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])
            self.say({"data": self.server.answer(named[1] if named else "", asked.get("variables") or {})})
        elif self.path.endswith("/file_stream"):
            lines = json.loads(body).get("files", {}).get("wandb-history.jsonl", {}).get("content", [])
            run = self.path.split("/")[-2]
            self.server.sent.setdefault(run, []).extend(map(json.loads, lines))
            self.say({"limits": {}})
        else:
            self.say({})

    do_GET = do_PUT = do_POST  # noqa: N815

    def say(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""

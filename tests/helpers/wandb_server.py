"""Stand-in for the server of Weights & Biases on this machine, which records all requests.

It answers the queries of ``wandb.init`` and ``wandb sync`` like the real server, in the fields that the client reads.
The answer to any other query is empty.
"""

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

ENTITY = "somebody"


class Server(ThreadingHTTPServer):
    """Server on a free port of this machine; see ``address``.

    Args:
        answers: False to accept connections without answering.
    """

    daemon_threads = True

    def __init__(self, answers: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.history: dict[str, dict[int, dict[str, Any]]] = {}  # for each run id, the rows by their index
        self.bodies: list[bytes] = []
        self.stop = threading.Event()

    def answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """Result of a GraphQL operation: that of ``upsert_bucket`` for ``UpsertBucket``."""
        self.asked.append((operation, given))
        known = getattr(self, re.sub(r"(?<!^)([A-Z])", r"_\1", operation).lower(), None)
        return known(given) if known else {}

    def handle_error(self, *_: Any) -> None:
        """Ignore a client that disconnects."""

    def viewer(self, given: dict[str, Any]) -> dict[str, Any]:
        teams = {"edges": [{"node": {"name": ENTITY}}]}
        return {"viewer": {"id": "V", "entity": ENTITY, "username": ENTITY, "email": "", "flags": "{}", "teams": teams}}

    def upsert_bucket(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"upsertBucket": {"bucket": self.bucket(given["name"]), "inserted": True}}

    def run_resume_status(self, given: dict[str, Any]) -> dict[str, Any]:
        known = self.bucket(given["name"]) | self.so_far(given["name"]) if self.history.get(given["name"]) else None
        return {"model": {"id": "P", "name": "gequnet", "entity": {"id": "E", "name": ENTITY}, "bucket": known}}

    def artifact_type(self, given: dict[str, Any]) -> dict[str, Any]:
        """Empty answer: the artifact is new."""
        return {"project": None}

    def create_artifact(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"createArtifact": {"artifact": ARTIFACT}}

    def use_artifact(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"useArtifact": {"artifact": ARTIFACT}}

    def create_run_files(self, given: dict[str, Any]) -> dict[str, Any]:
        files = [{"name": name, "uploadUrl": f"{self.address}/upload/{name}"} for name in given["files"]]
        return {"createRunFiles": {"runID": "R", "uploadHeaders": [], "files": files}}

    def bucket(self, run: str) -> dict[str, Any]:
        """Facts of a run without its history."""
        project = {"id": "P", "name": "gequnet", "entity": {"id": "E", "name": ENTITY}}
        return {
            "id": "R",
            "name": run,
            "displayName": run,
            "config": "{}",
            "project": project,
            "historyLineCount": 0,
        }

    def so_far(self, run: str) -> dict[str, Any]:
        """State of the history of a run."""
        lines = self.history[run]
        last = lines[max(lines)]
        return {
            "historyLineCount": len(lines),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "historyTail": json.dumps([json.dumps(last)]),
            "summaryMetrics": json.dumps({"_step": last["_step"]}),
            "eventsTail": "[]",
            "tags": [],
            "wandbConfig": '{"t": {"value": 1}}',
        }


ARTIFACT = {"id": "A", "state": "COMMITTED", "artifactSequence": {"id": "S", "latestArtifact": None}}
Kind = TypeVar("Kind", bound=Server)


class Handler(BaseHTTPRequestHandler):
    """Handler of GraphQL requests and file streams."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.bodies.append(body)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.answers &= self.path != "/silence"
        if self.path == "/graphql":
            asked = json.loads(body)
            named = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])
            self.say({"data": self.server.answer(named[1] if named else "", asked.get("variables") or {})})
        elif self.path.endswith("/file_stream"):
            self.keep(json.loads(body))
            self.say({"limits": {}})
        else:
            self.say({})

    do_GET = do_PUT = do_POST  # noqa: N815

    def keep(self, sent: dict[str, Any]) -> None:
        """Store the rows of a history by their index."""
        chunk = sent.get("files", {}).get("wandb-history.jsonl", {})
        lines = self.server.history.setdefault(self.path.split("/")[-2], {})
        for place, line in enumerate(chunk.get("content", []), chunk.get("offset", 0)):
            lines[place] = json.loads(line)

    def say(self, answer: dict[str, Any]) -> None:
        if not self.server.answers:
            self.server.stop.wait()
            return
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing on stderr."""


@contextmanager
def serving(server: Kind) -> Iterator[Kind]:
    """Server that runs inside the block."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.stop.set()
        server.shutdown()
        server.server_close()

"""A stand-in for the server of Weights & Biases on this machine: it takes what is sent, and remembers it."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """Knows the runs that were announced to it, and how many lines of history each has.

    Args:
        answers: whether it does anything but take connections.
    """

    daemon_threads = True

    def __init__(self, answers: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.history: dict[str, dict[int, dict[str, Any]]] = {}
        self.bodies: list[bytes] = []
        self.stop = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._answer({})

    def do_PUT(self) -> None:
        self._body()
        self._answer({})

    def do_POST(self) -> None:
        body = self._body()
        self.server.answers &= self.path != "/silence"
        if not (self.path.endswith(("/graphql", "/file_stream"))):  # W&B's numbers about itself
            self._answer({})
            return
        sent = json.loads(body)
        if self.path.endswith("/graphql"):
            name, variables = (
                sent.get("operationName") or sent["query"].split("(")[0].strip(),
                sent.get("variables") or {},
            )
            self.server.asked.append((name, variables))
            self._answer({"data": self._data(name, variables)})
        else:
            run = self.path.split("/")[-2]
            chunk = sent.get("files", {}).get("wandb-history.jsonl", {})
            lines = self.server.history.setdefault(run, {})
            for place, line in enumerate(chunk.get("content", []), chunk.get("offset", 0)):
                lines[place] = json.loads(line)
            self._answer({})

    def _data(self, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        """What the client reads of the answer to each question, and nothing else."""
        run = variables.get("name") or "unnamed"
        project = {"id": "P", "name": "gequnet", "entity": {"id": "E", "name": "me"}}
        known = {"id": "R", "name": run, "displayName": run, "config": "{}", "project": project, "historyLineCount": 0}
        artifact = {"id": "A", "state": "COMMITTED", "artifactSequence": {"id": "S", "latestArtifact": None}}
        files = [{"name": each, "uploadUrl": f"{self.server.address}/{each}"} for each in variables.get("files", [])]
        answers = {
            "Viewer": {"viewer": {"id": "V", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}},
            "UpsertBucket": {"upsertBucket": {"bucket": known, "inserted": True}},
            "CreateArtifact": {"createArtifact": {"artifact": artifact}},
            "UseArtifact": {"useArtifact": {"artifact": artifact}},
            "CreateRunFiles": {"createRunFiles": {"runID": "R", "uploadHeaders": [], "files": files}},
        }
        if name == "RunResumeStatus":
            return {"model": project | {"bucket": known | self._so_far(run) if self.server.history.get(run) else None}}
        return answers.get(name, {})

    def _so_far(self, run: str) -> dict[str, Any]:
        lines = self.server.history[run]
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

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.bodies.append(body)
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _answer(self, content: dict[str, Any]) -> None:
        if not self.server.answers:
            self.server.stop.wait()
            return
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(answers: bool = True) -> Iterator[Server]:
    """A server, for as long as it is needed."""
    server = Server(answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop.set()
        server.shutdown()
        server.server_close()

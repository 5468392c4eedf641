"""Local web server with configurable faults: cut transfers, wrong ranges, redirects and error statuses."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """Files, faults and recorded requests of the server.

    Args:
        files: Contents by their paths.
        cuts: Each answer ends after the next of these numbers of bytes, until the list is empty.
        failures: Each answer has the next of these statuses, until the list is empty.
        moved: Redirects of paths.
        tag: The ETag; empty for none.
        ranges: True to send ranges.
        kind: The Content-Type.
        shift: Number of bytes by which ranges start too late.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    tag: str = '"1"'
    ranges: bool = True
    kind: str = "application/zip"
    shift: int = 0
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving() -> Iterator[Served]:
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, served)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(handler: BaseHTTPRequestHandler, served: Served) -> None:
    path, wanted = handler.path, handler.headers.get("Range")
    served.asked.append((path, wanted))
    if path in served.moved:
        return head(handler, 302, {"Location": served.moved[path], "Content-Length": "0"})
    status = served.failures.pop(0) if served.failures else 200 if path in served.files else 404
    if status != 200:
        return head(handler, status, {"Content-Length": "0"})
    content, headers = served.files[path], {"Content-Type": served.kind}
    if served.tag:
        headers["ETag"] = served.tag
    same = handler.headers.get("If-Range") in (None, served.tag)
    first = int(re.findall(r"\d+", wanted)[0]) if wanted and served.ranges and same else 0
    if first >= len(content) > 0:
        return head(handler, 416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
    if first:
        status, first = 206, first + served.shift
        headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
    head(handler, status, headers | {"Content-Length": str(len(content) - first)})
    rest = content[first:]
    with suppress(ConnectionError):  # the client may disconnect early
        handler.wfile.write(rest[: served.cuts.pop(0)] if served.cuts else rest)


def head(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()

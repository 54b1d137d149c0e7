"""A small web server that plays the portal's hooks: it keeps what was posted and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Answers 200 unless told otherwise; a Graph validation is echoed as the contract asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received: list[Received] = []
        self._answers: deque[int] = deque()
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def clear(self) -> None:
        with self._lock:
            self._received.clear()
            self._answers.clear()

    def answer_next(self, *statuses: int) -> None:
        """The next requests get these statuses, in this order."""
        with self._lock:
            self._answers.extend(statuses)

    def received(self, path: str | None = None) -> list[Received]:
        with self._lock:
            return [one for one in self._received if path is None or one.path == path]

    def wait_for(self, count: int, path: str | None = None, timeout: float = 10.0) -> list[Received]:
        """What came in, as soon as it is `count` requests or more."""
        return self.wait_until(lambda came: len(came) >= count, path, timeout)

    def wait_until(
        self, enough: Callable[[list[Received]], bool], path: str | None = None, timeout: float = 10.0
    ) -> list[Received]:
        """What came in, as soon as it is `enough`."""
        deadline = time.monotonic() + timeout
        while not enough(self.received(path)):
            assert time.monotonic() < deadline, f"not enough after {timeout} s: {self.received(path)}"
            time.sleep(0.02)
        return self.received(path)

    def _answer(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        token = request.args.get("validationToken")
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._lock:
            query = list(request.args.items(multi=True))
            self._received.append(Received(request.method, request.path, query, headers, request.get_data()))
            status = self._answers.popleft() if self._answers else 200
        return Response(token or "", status, mimetype="text/plain")(environ, start_response)


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return None

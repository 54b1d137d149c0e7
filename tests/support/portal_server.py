"""The app over real HTTP, in a thread of the test's own process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


@dataclass(frozen=True)
class Reserved:
    """A port of loopback that nobody else is given while the socket is open."""

    socket: socket.socket

    @property
    def number(self) -> int:
        return int(self.socket.getsockname()[1])


@contextmanager
def reserve_port() -> Iterator[Reserved]:
    """Bind without listening: another socket of ours may listen there later, and strangers are given other ports."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield Reserved(held)


@dataclass(frozen=True)
class PortalServer:
    """`url` is the app's PUBLIC_URL."""

    app: Flask
    port: Reserved

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port.number}"

    @contextmanager
    def running(self) -> Iterator[PortalServer]:
        server = make_server("127.0.0.1", self.port.number, self.app, threaded=True, request_handler=_Quiet)
        # A short interval only: by default shutdown() takes up to half a second to be noticed.
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return None

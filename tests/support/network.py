"""The outside is off: a test that reaches for it fails and is told what to use instead."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class OutsideIsOff(AssertionError):
    """A test tried to leave this machine."""


@contextmanager
def loopback_only() -> Iterator[None]:
    """Refuse to look up or connect to anything but this machine."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def checked_connect(self: socket.socket, address: Any) -> None:
        _check_address(self, address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        _check_address(self, address)
        return connect_ex(self, address)

    def checked_getaddrinfo(host: Any, *arguments: Any, **named: Any) -> Any:
        _check_host(host)
        return getaddrinfo(host, *arguments, **named)

    socket.socket.connect, socket.socket.connect_ex = checked_connect, checked_connect_ex  # type: ignore[assignment, method-assign]
    socket.getaddrinfo = checked_getaddrinfo
    try:
        yield
    finally:
        socket.socket.connect, socket.socket.connect_ex = connect, connect_ex  # type: ignore[method-assign]
        socket.getaddrinfo = getaddrinfo


def _check_address(used: socket.socket, address: Any) -> None:
    if used.family in (socket.AF_INET, socket.AF_INET6):
        _check_host(address[0])


def _check_host(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        inside = ipaddress.ip_address(name).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise OutsideIsOff(f"A test reached for {name}. The outside is the sandbox: use the `sandbox` fixture.")

"""A mail server on loopback that takes mail into a list, refuses what it is told to, and can hang up."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import ipaddress
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Taken:
    """One message as it was handed over."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)


@dataclass
class SmtpServer:
    """`refuse` maps a verb, or "END" for the finished message, to a reply; `hang_up_at` names one to break off at.

    With `certificate` it speaks TLS: from the first byte, or after STARTTLS if that is among its features.
    """

    refuse: dict[str, str] = field(default_factory=dict)
    hang_up_at: str | None = None
    features: tuple[str, ...] = ("8BITMIME",)
    certificate: Path | None = None
    taken: list[Taken] = field(default_factory=list)
    signed_in: list[tuple[str, str]] = field(default_factory=list)

    def start(self) -> SmtpServer:
        outer = self

        class Handler(_Session):
            server_state = outer

        self._server: Any = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    server_state: SmtpServer

    def handle(self) -> None:
        # A client that breaks off is what some tests are about.
        with contextlib.suppress(OSError):
            self._converse()

    def _converse(self) -> None:
        sender, recipients = "", list[str]()
        if self.server_state.certificate and "STARTTLS" not in self.server_state.features:
            self._speak_tls()
        self._say("220 mail.example.org")
        while line := self.rfile.readline().decode().strip():
            verb, state = line.split()[0].upper(), self.server_state
            if verb == state.hang_up_at:
                return
            if verb in state.refuse:
                self._say(state.refuse[verb])
            elif verb == "EHLO":
                names = ["mail.example.org", *state.features]
                for place, name in enumerate(names):
                    self._say(f"250{' ' if place == len(names) - 1 else '-'}{name}")
            elif verb == "STARTTLS":
                self._say("220 go on")
                self._speak_tls()
            elif verb == "AUTH":
                _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                state.signed_in.append((user, password))
                self._say("235 welcome")
            elif verb == "DATA":
                self._say("354 go on")
                if not self._take(sender, recipients):
                    return
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                address = line.partition(":")[2].split(">")[0].lstrip("<")
                sender, recipients = (address, []) if verb == "MAIL" else (sender, [*recipients, address])
                self._say("250 ok")

    def _speak_tls(self) -> None:
        assert self.server_state.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_state.certificate)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.setup_files()

    def setup_files(self) -> None:
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)

    def _take(self, sender: str, recipients: list[str]) -> bool:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        if "END" in self.server_state.refuse:
            self._say(self.server_state.refuse["END"])
            return True
        self.server_state.taken.append(Taken(sender, recipients, b"".join(lines)))
        if self.server_state.hang_up_at == "END":
            return False
        self._say("250 taken")
        return True

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


def write_certificate(path: Path) -> Path:
    """A key and its own certificate for 127.0.0.1, in one file; a client that trusts the file trusts the server."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return path

"""Mail over SMTP, for a clinic that does not send through Microsoft 365."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from email import policy
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from portal.integrations.http import Ambiguous, PartnerError, Permanent, Transient

TIMEOUT_SECONDS = 15.0
PORTS = {"smtp": 25, "smtps": 465}


class SmtpMail:
    """`url` is smtp://host:587 (STARTTLS if the server offers it) or smtps://host:465, with user:password@ if needed.

    A message goes to all of its recipients or to none. Raises Transient, Permanent, or Ambiguous when the connection
    broke after the message was handed over: the server may have taken it. A password is never sent without TLS.
    """

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self._is_tls, self._tls = parts.scheme == "smtps", tls or ssl.create_default_context()
        self._host, self._port = parts.hostname or "localhost", parts.port or PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")

    def send(self, mime: EmailMessage | bytes, *, sender: str, recipients: Sequence[str]) -> None:
        """Hand one message to the server. `sender` and `recipients` are bare addresses."""
        raw = mime if isinstance(mime, bytes) else mime.as_bytes(policy=policy.SMTP)
        with self._server() as server:
            try:
                _address(server, sender, recipients, is_ascii=raw.isascii())
            except (smtplib.SMTPServerDisconnected, OSError) as error:
                raise Transient("smtp", type(error).__name__) from error
            try:
                _accept(server.data(raw))
            except smtplib.SMTPDataError as error:
                raise _refusal(error.smtp_code) from error
            except (smtplib.SMTPServerDisconnected, OSError) as error:
                raise Ambiguous("smtp", type(error).__name__) from error

    @contextlib.contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        try:
            server = self._connected()
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code) from error
        except smtplib.SMTPNotSupportedError as error:
            raise Permanent("smtp", "the server takes no sign-in") from error
        except (smtplib.SMTPException, OSError) as error:
            raise Transient("smtp", type(error).__name__) from error
        try:
            yield server
        finally:
            # The message is through or refused by now; a broken goodbye changes nothing.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()
            server.close()

    def _connected(self) -> smtplib.SMTP:
        server: smtplib.SMTP
        if self._is_tls:
            server = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_SECONDS, context=self._tls)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            server.ehlo_or_helo_if_needed()
            offers_tls = not self._is_tls and server.has_extn("starttls")
            if offers_tls:
                server.starttls(context=self._tls)
                server.ehlo()
            if self._user:
                if not (self._is_tls or offers_tls):
                    raise Permanent("smtp", "the server offers no TLS, so the password stays here")
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def _address(server: smtplib.SMTP, sender: str, recipients: Sequence[str], *, is_ascii: bool) -> None:
    """Envelope. One refused recipient stops the message: a later try must not reach the others twice."""
    _accept(server.mail(sender, [] if is_ascii or not server.has_extn("8bitmime") else ["BODY=8BITMIME"]))
    for recipient in recipients:
        _accept(server.rcpt(recipient))


def _accept(reply: tuple[int, bytes]) -> None:
    if not 200 <= reply[0] < 300:
        raise _refusal(reply[0])


def _refusal(code: int) -> PartnerError:
    """4xx is for now, 5xx for good. The server's words may name the patient's address: they stay here."""
    return (Transient if 400 <= code < 500 else Permanent)("smtp", f"refused with {code}")

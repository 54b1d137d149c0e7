"""The process's clients of the outside systems, made once from the settings."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import cast

from redis.exceptions import RedisError

from portal import vault
from portal.config import Settings
from portal.integrations.entra_sign_in import StaffSignIn
from portal.integrations.graph import AppTokens, Graph
from portal.integrations.http import Transient
from portal.integrations.mail import SmtpMail
from portal.integrations.medirecords import MediRecords
from portal.integrations.stripe import Stripe
from portal.outbox import relay

TOKEN_KEY = "graph:token-cache"  # noqa: S105 - the name of the place, not a secret


@dataclass(frozen=True)
class Clients:
    settings: Settings
    stripe: Stripe
    graph: Graph
    medirecords: MediRecords
    smtp: SmtpMail | None
    staff_sign_in: StaffSignIn


_clients: Clients | None = None


def configure(settings: Settings) -> None:
    """Build the clients. None of them talks to anybody yet."""
    global _clients
    _clients = Clients(
        settings=settings,
        stripe=Stripe(api_base=settings.stripe_api_base, secret_key=settings.stripe_secret_key),
        graph=Graph(
            base_url=settings.graph_base_url,
            tokens=AppTokens(
                authority=settings.entra_authority,
                tenant_id=settings.entra_tenant_id,
                client_id=settings.entra_client_id,
                client_secret=settings.entra_client_secret,
                cache=SharedTokenCache(),
            ),
        ),
        medirecords=MediRecords(
            base_url=settings.medirecords_base_url,
            practice_id=settings.medirecords_practice_id,
            rest_token=settings.medirecords_rest_token,
            practice_zone=settings.clinic_zone,
            pace=SharedPace("medirecords", settings.medirecords_rate, burst=20),
        ),
        smtp=SmtpMail(settings.smtp_url) if settings.mail_transport == "smtp" else None,
        staff_sign_in=StaffSignIn(
            authority=settings.entra_authority,
            tenant_id=settings.entra_tenant_id,
            client_id=settings.entra_staff_client_id,
            client_secret=settings.entra_staff_client_secret,
            mfa_context=settings.entra_staff_mfa_context,
        ),
    )


def clients() -> Clients:
    """The clients of the running process."""
    assert _clients is not None, "create_app has not run"
    return _clients


class SharedTokenCache:
    """msal's cache in Redis, sealed: a forked job would otherwise fetch a token of its own each time."""

    def load(self) -> str | None:
        try:
            sealed = cast("bytes | None", relay.connection().get(TOKEN_KEY))
            return vault.unseal(sealed.decode(), TOKEN_KEY) if sealed else None
        except (RedisError, vault.CannotOpen):
            return None

    def save(self, blob: str) -> None:
        try:
            relay.connection().set(TOKEN_KEY, vault.seal(blob, TOKEN_KEY), ex=3600)
        except RedisError:
            return


class SharedPace:
    """A token bucket in Redis that all processes draw from; without Redis each call waits one interval.

    Call it before a request: it waits until there is room, at most 15 s, then raises Transient.
    """

    # KEYS[1] bucket; ARGV rate per second, burst, now in seconds -> seconds to wait (0 = go)
    SCRIPT = """
    local state = redis.call('hmget', KEYS[1], 'left', 'at')
    local rate, burst, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
    local left = math.min(burst, (tonumber(state[1]) or burst) + math.max(0, now - (tonumber(state[2]) or now)) * rate)
    local wait = 0
    if left < 1 then wait = (1 - left) / rate else left = left - 1 end
    redis.call('hset', KEYS[1], 'left', tostring(left), 'at', tostring(now))
    redis.call('expire', KEYS[1], 120)
    return tostring(wait)
    """

    def __init__(self, system: str, rate: float, *, burst: int) -> None:
        self.system, self.rate, self.burst = system, rate, burst

    def __call__(self) -> None:
        until = time.monotonic() + 15
        while (wait := self._wait()) > 0:
            if time.monotonic() + wait > until:
                raise Transient(self.system, "our own rate limit", retry_after=wait)
            time.sleep(wait)

    def _wait(self) -> float:
        try:
            answer = relay.connection().eval(
                self.SCRIPT, 1, f"pace:{self.system}", str(self.rate), str(self.burst), str(time.time())
            )
            return float(cast(bytes, answer))
        except RedisError:
            time.sleep(1 / self.rate)
            return 0.0

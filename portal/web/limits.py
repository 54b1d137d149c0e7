"""Rate limits by network, and few by what was typed. The numbers are settings: races and benches raise them, the
limiter's tests lower them."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from functools import lru_cache, wraps
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from threading import Lock
from time import monotonic
from typing import ParamSpec, TypeVar, cast

from flask import Flask, abort, current_app, request
from flask_limiter import Limiter
from limits import RateLimitItem, parse_many

from portal.config import Settings

P = ParamSpec("P")
R = TypeVar("R")

DEFAULTS = {
    "holds": "30 per minute; 200 per hour",
    "details": "60 per minute",
    "payment": "20 per minute",
    "find-visit": "5 per hour; 20 per day",
    "find-visit-mail": "3 per hour; 10 per day",
    "links": "60 per minute",
    "reads": "300 per minute",
    "api": "120 per minute",
    "staff-sign-in": "60 per minute",
}

# Times that people in one network hold online and have not booked: a calendar is soon full of them.
MOST_HELD = 10
KEY_PREFIX = "limits"
HOUSEHOLD_BITS = 64
MOST_COUNTED = 10_000  # then those whose window has ended are dropped


def network() -> str:
    """Who is counted: an IPv4 address, or the /64 of an IPv6 one, within which one household has addresses without
    end."""
    told = request.remote_addr or "127.0.0.1"
    try:
        address = ip_address(told)
    except ValueError:
        return told
    if not isinstance(address, IPv6Address):
        return told
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> HOUSEHOLD_BITS << HOUSEHOLD_BITS)}/{HOUSEHOLD_BITS}"


class Counts:
    """Fixed windows counted in this process. The library's own memory starts a thread to clean up after nearly every
    look, which costs more than the look."""

    def __init__(self, most: int = MOST_COUNTED) -> None:
        self._most, self._lock = most, Lock()
        self._counts: dict[tuple[str, ...], tuple[float, int]] = {}  # when the window ends, and what it counted

    def hit(self, limit: RateLimitItem, *whose: str) -> bool:
        """Count one more, and say whether the limit still holds."""
        now, key = monotonic(), (limit.key_for(), *whose)
        with self._lock:
            ends, count = self._counts.get(key, (0.0, 0))
            if ends <= now:
                ends, count = now + limit.get_expiry(), 0
                if len(self) >= self._most:
                    self._counts = {key: known for key, known in self._counts.items() if known[0] > now}
            self._counts[key] = ends, count + 1
        return count < limit.amount

    def __len__(self) -> int:
        return len(self._counts)

    def reset(self) -> None:
        """Forget everything."""
        self._counts.clear()


limiter = Limiter(network, headers_enabled=False, swallow_errors=True)
# Looking is by far the most frequent act and the least worth guarding exactly: each process counts for itself, which
# saves a round to Redis on every page (docs/security-decisions.md).
reads = Counts()


def init_app(app: Flask, settings: Settings) -> None:
    app.config["MOST_HELD"] = max(1, round(MOST_HELD * settings.rate_limit_factor))
    app.config["LIMITS"] = {name: scaled(words, settings.rate_limit_factor) for name, words in DEFAULTS.items()}
    # Without Redis each process counts for itself: weaker for a while, but nobody is locked out.
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = True
    app.config["RATELIMIT_STORAGE_URI"] = storage_uri(settings.redis_url)
    app.config["RATELIMIT_KEY_PREFIX"] = KEY_PREFIX
    limiter.init_app(app)
    # Limits stand on views, which check their own; looking for others, the library takes longer than some pages do.
    app.before_request_funcs[None].remove(limiter._check_request_limit)


def limit_reads(view: Callable[P, R]) -> Callable[P, R]:
    """Decorate a view that only looks; each has a count of its own."""

    @wraps(view)
    def counted(*args: P.args, **named: P.kwargs) -> R:
        who = network()
        if not all(reads.hit(each, str(request.endpoint), who) for each in _parsed(limit("reads"))):
            abort(429)
        return view(*args, **named)

    return counted


def limit(name: str) -> str:
    """The limit in force for one feature, such as "30 per minute"."""
    return cast(str, current_app.config["LIMITS"][name])


def is_within(name: str, key: str) -> bool:
    """Count one more act for a key that is not the network, and say whether the limit still holds.

    Comes after the network's own limit, which finds out whether Redis is there.
    """
    return all(limiter.limiter.hit(each, KEY_PREFIX, name, key) for each in _parsed(limit(name)))


_parsed = lru_cache(parse_many)


def mark(purpose: str, value: str) -> str:
    """What stands for an address, of the net or of a mail, wherever it is counted: nobody can read it back."""
    key = str(current_app.secret_key).encode()
    return hmac.new(key, f"{purpose}:{value}".encode(), sha256).hexdigest()


def scaled(words: str, factor: float) -> str:
    """The limits multiplied, each at least 1: "5 per hour; 20 per day" by 2 is "10 per hour; 40 per day"."""
    return re.sub(r"\d+(?= per)", lambda count: str(max(1, round(int(count[0]) * factor))), words)


def storage_uri(redis_url: str) -> str:
    """The limits library spells a Unix socket differently from redis-py."""
    return f"redis+{redis_url}" if redis_url.startswith("unix://") else redis_url

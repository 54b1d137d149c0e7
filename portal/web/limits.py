"""Rate limits by address. The numbers are settings: races and benches raise them, the limiter's tests lower them."""

from __future__ import annotations

import re
from typing import cast

from flask import Flask, current_app
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from portal.config import Settings

DEFAULTS = {
    "holds": "30 per minute; 200 per hour",
    "details": "60 per minute",
    "payment": "20 per minute",
    "find-visit": "5 per hour; 20 per day",
    "links": "60 per minute",
    "reads": "300 per minute",
    "api": "120 per minute",
    "staff-sign-in": "60 per minute",
}

limiter = Limiter(get_remote_address, headers_enabled=False, swallow_errors=True)
# Looking is by far the most frequent act and the least worth guarding exactly: each process counts for itself, which
# saves a round to Redis on every page (docs/security-decisions.md).
reads = Limiter(get_remote_address, headers_enabled=False, swallow_errors=True, storage_uri="memory://")


def init_app(app: Flask, settings: Settings) -> None:
    app.config["LIMITS"] = {name: scaled(words, settings.rate_limit_factor) for name, words in DEFAULTS.items()}
    # Without Redis each process counts for itself: weaker for a while, but nobody is locked out.
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = True
    app.config["RATELIMIT_STORAGE_URI"] = storage_uri(settings.redis_url)
    app.config["RATELIMIT_KEY_PREFIX"] = "limits"
    limiter.init_app(app)
    reads.init_app(app)


def limit(name: str) -> str:
    """The limit in force for one feature, such as "30 per minute"."""
    return cast(str, current_app.config["LIMITS"][name])


def scaled(words: str, factor: float) -> str:
    """The limits multiplied, each at least 1: "5 per hour; 20 per day" by 2 is "10 per hour; 40 per day"."""
    return re.sub(r"\d+(?= per)", lambda count: str(max(1, round(int(count[0]) * factor))), words)


def storage_uri(redis_url: str) -> str:
    """The limits library spells a Unix socket differently from redis-py."""
    return f"redis+{redis_url}" if redis_url.startswith("unix://") else redis_url

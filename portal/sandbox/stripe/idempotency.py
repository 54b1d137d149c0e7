"""Idempotency keys: the first answer is kept and given again; another request under the same key is refused."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.stripe.errors import StripeError, invalid
from portal.sandbox.stripe.objects import SYSTEM

KEY_LENGTH = 255


class Idempotency:
    """Finished answers live in the store; keys that are being worked on live here, since they die with the process."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox, self._store = sandbox, sandbox.store
        self._under_way: set[str] = set()
        self._lock = threading.Lock()

    def answer(self, key: str | None, path: str, params: Json, act: Callable[[], Json]) -> tuple[int, Json, bool]:
        """Run `act` or give its first answer again: (status, body, is_replay). Raises StripeError on a clash."""
        if key is None:
            return 200, act(), False
        if not 0 < len(key) <= KEY_LENGTH:
            raise invalid(f"Idempotency keys must have 1 to {KEY_LENGTH} characters", "idempotency_key")
        fingerprint = hashlib.sha256(json.dumps([path, params], sort_keys=True).encode()).hexdigest()
        self._claim(key)
        try:
            known = self._store.get(SYSTEM, "idempotency_key", key)
            if known is not None:
                return self._replay(known, key, fingerprint)
            status, body = self._run(act)
            self._store.put(
                SYSTEM, "idempotency_key", key, {"fingerprint": fingerprint, "status": status, "body": body}
            )
            return status, body, False
        finally:
            with self._lock:
                self._under_way.discard(key)

    def _claim(self, key: str) -> None:
        with self._lock:
            if key in self._under_way:
                raise StripeError(
                    409,
                    f"There is currently another in-progress request using this Idempotent Key: {key}.",
                    code="idempotency_key_in_use",
                    is_stored=False,
                )
            self._under_way.add(key)

    @staticmethod
    def _replay(known: Json, key: str, fingerprint: str) -> tuple[int, Json, bool]:
        if known["fingerprint"] != fingerprint:
            raise StripeError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
                f" Try using a key other than '{key}' if you meant to execute a different request.",
                type="idempotency_error",
                is_stored=False,
            )
        return known["status"], known["body"], True

    def _run(self, act: Callable[[], Json]) -> tuple[int, Json]:
        try:
            self._fail_if_told_to()
            return 200, act()
        except StripeError as error:
            if not error.is_stored:
                raise
            return error.status, error.body

    def _fail_if_told_to(self) -> None:
        left = self._sandbox.knob(SYSTEM, "remembered_failures")
        if left > 0:
            self._sandbox.set_knob(SYSTEM, "remembered_failures", left - 1)
            raise StripeError(500, "An unknown error occurred.", type="api_error")

"""Tests of the sandbox talk to the real process over HTTP."""

from __future__ import annotations

from tests.support.sandbox import receiver, running_receiver, running_sandbox, sandbox

__all__ = ["receiver", "running_receiver", "running_sandbox", "sandbox"]

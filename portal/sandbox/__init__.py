"""The outside systems over HTTP, for local work and tests: one process, loopback only, imports nothing of the portal.

Stripe is served under /stripe, Microsoft Graph under /graph, MediRecords under /medirecords and Entra ID at the root,
as /{tenant}/..., because msal carries the host only. `portal.sandbox.__main__` runs it.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from portal.sandbox.core import Sandbox, SandboxSettings


def create_sandbox(settings: SandboxSettings, state_dir: Path | None = None) -> Flask:
    """The sandbox as a WSGI app; `state_dir` keeps its state and clock, None keeps both in memory."""
    from portal.sandbox import entra, graph, home, medirecords, stripe
    from portal.sandbox.control import control_plane, install_faults_and_log

    app = Flask("portal.sandbox", template_folder="templates", static_folder="static")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    sandbox = Sandbox(settings, state_dir)
    app.extensions["sandbox"] = sandbox
    install_faults_and_log(app, sandbox)
    app.register_blueprint(control_plane(sandbox))
    for system in (stripe, graph, entra, medirecords):
        app.register_blueprint(system.register(sandbox))
    app.register_blueprint(home.register(sandbox))
    return app

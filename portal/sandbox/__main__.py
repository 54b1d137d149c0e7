"""Runs the sandbox: python -m portal.sandbox --port 8001 --state instance."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from portal.sandbox import create_sandbox
from portal.sandbox.core import SandboxSettings

# The portal's own local values (portal/config.py). They are repeated, not imported: the sandbox stands outside.
# tests/contracts/test_local_values.py holds the two together.
LOCAL_VALUES = {
    "STRIPE_SECRET_KEY": "sk_test_sandbox",
    "STRIPE_WEBHOOK_SECRET": "whsec_sandbox",
    "ENTRA_TENANT_ID": "7c0f3c1e-5b1a-4d6e-9a57-0d5f1f7a1000",
    "ENTRA_CLIENT_ID": "7c0f3c1e-5b1a-4d6e-9a57-0d5f1f7a1001",
    "ENTRA_CLIENT_SECRET": "sandbox-worker-secret",
    "ENTRA_STAFF_CLIENT_ID": "7c0f3c1e-5b1a-4d6e-9a57-0d5f1f7a1002",
    "ENTRA_STAFF_CLIENT_SECRET": "sandbox-staff-secret",
    "MEDIRECORDS_PRACTICE_ID": "7c0f3c1e-5b1a-4d6e-9a57-0d5f1f7a2000",
    "MEDIRECORDS_REST_TOKEN": "sandbox-medirecords-rest",
    "MEDIRECORDS_FHIR_TOKEN": "sandbox-medirecords-fhir",
    "CLINIC_ZONE": "Australia/Sydney",
}


class QuietHandler(WSGIRequestHandler):
    """The calls are on the start page and under /_emu/log; the terminal belongs to the portal."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return None


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    listener = listen(options.port)
    url = f"http://localhost:{listener.getsockname()[1]}"
    if options.state is not None:
        options.state.mkdir(parents=True, exist_ok=True)
    app = create_sandbox(settings_for(url, options.portal_url, os.environ), options.state)
    server = make_server(
        "127.0.0.1", options.port, app, threaded=True, request_handler=QuietHandler, fd=listener.fileno()
    )

    def stop(*_: object) -> None:
        # shutdown() waits for the loop that this very thread is running, so it needs a thread of its own.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"sandbox ready on {url}", flush=True)
    server.serve_forever()
    server.server_close()


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m portal.sandbox", description="The outside systems, on loopback.")
    parser.add_argument("--port", type=int, default=8001, help="0 takes any free port")
    parser.add_argument("--state", type=Path, help="folder for the state and the clock; without it both are forgotten")
    parser.add_argument("--portal-url", default="http://127.0.0.1:8000", help="where the portal answers")
    return parser.parse_args(arguments)


def listen(port: int) -> socket.socket:
    """A listening socket on loopback. It comes first, because the pages need to know the port that 0 becomes."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        raise SystemExit(f"The sandbox cannot listen on port {port}: {error.strerror}.") from None
    listener.listen(128)
    return listener


def settings_for(own_url: str, portal_url: str, environ: Mapping[str, str]) -> SandboxSettings:
    """The settings the portal would use, under the portal's names."""
    values = LOCAL_VALUES | {name: environ[name] for name in LOCAL_VALUES if environ.get(name)}
    portal_url = portal_url.rstrip("/")
    return SandboxSettings(
        own_url=own_url,
        stripe_secret_key=values["STRIPE_SECRET_KEY"],
        stripe_webhook_url=f"{portal_url}/hooks/stripe",
        stripe_webhook_secret=values["STRIPE_WEBHOOK_SECRET"],
        entra_tenant_id=values["ENTRA_TENANT_ID"],
        entra_client_id=values["ENTRA_CLIENT_ID"],
        entra_client_secret=values["ENTRA_CLIENT_SECRET"],
        entra_staff_client_id=values["ENTRA_STAFF_CLIENT_ID"],
        entra_staff_client_secret=values["ENTRA_STAFF_CLIENT_SECRET"],
        entra_redirect_uris=(f"{portal_url}/staff/sign-in/callback",),
        medirecords_practice_id=values["MEDIRECORDS_PRACTICE_ID"],
        medirecords_rest_token=values["MEDIRECORDS_REST_TOKEN"],
        medirecords_fhir_token=values["MEDIRECORDS_FHIR_TOKEN"],
        practice_zone=values["CLINIC_ZONE"],
    )


if __name__ == "__main__":
    main()

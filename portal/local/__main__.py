"""python -m portal.local run | reset: what `make run` and `make reset` call."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path

from portal.config import BadSetting
from portal.local import CannotStart
from portal.local.clinic import Clinic, lock
from portal.local.postgres import stop_postgres
from portal.local.processes import end_leftovers
from portal.local.redis import stop_redis


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m portal.local", description="The whole clinic on this machine.")
    parser.add_argument("act", choices=["run", "reset"])
    act = {"run": run, "reset": reset}[parser.parse_args().act]
    try:
        act()
    except (CannotStart, BadSetting) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def run() -> None:
    """Run the clinic until Ctrl-C, SIGTERM or the end of the terminal."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    clinic = Clinic(say=lambda line: print(line, flush=True))
    try:
        clinic.say(f"Starting the clinic in {clinic.instance_dir} ...")
        clinic.start()
        clinic.say(f"Portal:  {clinic.url}\nSandbox: {clinic.sandbox_url}\nCtrl-C stops all.")
        clinic.watch()
    except KeyboardInterrupt:
        clinic.say("Stopping ...")
    finally:
        # A second Ctrl-C must not leave half of it running.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        clinic.stop()


def reset() -> None:
    """Forget everything: the database, the sandbox's state, logs and secrets."""
    instance_dir = Path(os.environ.get("INSTANCE_DIR") or "instance").resolve()
    if not instance_dir.exists():
        return
    if not (instance_dir / "environment").exists():
        raise CannotStart(f"{instance_dir} does not look like an instance of the clinic; nothing was removed.")
    with lock(instance_dir):
        end_leftovers(instance_dir)
        # A crash may have left the servers running; they must not write into a folder that is gone.
        stop_postgres(instance_dir)
        stop_redis(instance_dir)
        shutil.rmtree(instance_dir)
    print(f"Removed {instance_dir}.")


if __name__ == "__main__":
    sys.exit(main())

"""Runs migrations on the app's database: numbered, forward only, one at a time.

Flask-Migrate puts the app in place before Alembic runs this file.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from alembic import context
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import text

import portal
from portal.db import db

# Any fixed number will do; it only has to be the same in every release.
MIGRATION_LOCK = 7_031_001


def import_models() -> None:
    """A table that nobody has imported yet would look like one to be removed."""
    for models in Path(portal.__file__).parent.glob("*/models.py"):
        import_module(f"portal.{models.parent.name}.models")


def number_revision(
    migration: MigrationContext, revision: str | Iterable[str | None], directives: list[MigrationScript]
) -> None:
    """`flask db migrate` names the next revision by its number, and writes no file when nothing has changed."""
    script = directives[0]
    if script.upgrade_ops is not None and script.upgrade_ops.is_empty():
        directives[:] = []
        return
    head = ScriptDirectory.from_config(context.config).get_current_head()
    script.rev_id = f"{int(head or 0) + 1:04}"


def run() -> None:
    import_models()
    options: dict[str, Any] = current_app.extensions["migrate"].configure_args
    with db.engine.connect() as connection:
        # A migration that waits for a lock must not make every visitor wait behind it.
        connection.execute(text("set lock_timeout = '3s'"))
        connection.execute(text("set statement_timeout = 0"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            process_revision_directives=number_revision,
            **options,
        )
        with context.begin_transaction():
            # Two releases that start together migrate one after the other.
            connection.execute(text("set local lock_timeout = 0"))
            connection.execute(text(f"select pg_advisory_xact_lock({MIGRATION_LOCK})"))
            connection.execute(text("set local lock_timeout = '3s'"))
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database only; --sql is not supported.")
run()

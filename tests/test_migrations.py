"""The migrated schema is what the models say, and its double-booking guards are what the design says."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import text

from portal.bookings.states import OCCUPYING

PROJECT = Path(__file__).parents[1]
VERSIONS = sorted((PROJECT / "migrations" / "versions").glob("*.py"))


def test_the_migrated_schema_equals_the_models(app: Flask) -> None:
    from portal.db import db

    for models in (PROJECT / "portal").glob("*/models.py"):
        import_module(f"portal.{models.parent.name}.models")
    with app.app_context(), db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata)
    assert differences == []


@pytest.mark.parametrize("of", ["practitioner", "room"])
def test_no_practitioner_and_no_room_is_taken_twice(app: Flask, of: str) -> None:
    from portal.db import db

    # Alembic does not compare exclusion constraints, so they are read here.
    guards = """
        select pg_get_constraintdef(oid) from pg_constraint
        where conrelid = 'booking'::regclass and contype = 'x' and pg_get_constraintdef(oid) like :pattern
    """
    with app.app_context(), db.engine.connect() as connection:
        found = connection.execute(text(guards), {"pattern": f"%int8range({of}_id%"}).scalars().all()
    assert len(found) == 1
    (guard,) = found
    assert guard.startswith(f"EXCLUDE USING gist (int8range({of}_id, {of}_id, '[]'::text) WITH &&, blocked WITH &&)")
    assert "NOT overlap_allowed" in guard
    assert set(re.findall(r"'([a-z_]+)'::", guard.partition("WHERE")[2])) == set(OCCUPYING)


def test_revisions_are_numbered_in_a_row() -> None:
    assert len(VERSIONS) > 5
    for number, path in enumerate(VERSIONS, start=1):
        assert re.fullmatch(rf"{number:04}_[a-z0-9_]+\.py", path.name), path.name
        named = {
            target.id: ast.literal_eval(node.value)
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and target.id in ("revision", "down_revision")
        }
        assert named == {"revision": f"{number:04}", "down_revision": f"{number - 1:04}" if number > 1 else None}


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_a_migration_only_goes_forward_and_says_why(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    assert "downgrade" not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

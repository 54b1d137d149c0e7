"""The app, or its ground (database, keys, clock, outbox) while some of its modules are still on their way."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from portal.config import Settings


def make_app(settings: Settings, *, pool_size: int | None = 8) -> Flask:
    from portal import create_app

    try:
        return create_app(settings, pool_size=pool_size)
    except ImportError:
        return _ground(settings, pool_size)


def _ground(settings: Settings, pool_size: int | None) -> Flask:
    from flask_migrate import Migrate

    from portal import clock, vault
    from portal.db import db, engine_options
    from portal.outbox import relay

    root = Path(__file__).resolve().parents[2]
    app = Flask("portal", template_folder=str(root / "templates"))
    app.config.update(
        PORTAL=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(pool_size=pool_size),
    )
    vault.use_keys(settings.field_keys)
    clock.follow(settings.instance_dir / "clock")
    relay.use_redis(settings.redis_url)
    db.init_app(app)
    Migrate(app, db, directory=str(root / "migrations"))
    return app

"""The booking portal. Imports happen inside create_app, so that the sandbox starts without a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from portal.config import Settings

in_use: Settings | None = None  # the settings this process was last told to use


def create_app(settings: Settings | None = None, *, pool_size: int | None = 8) -> Flask:
    """The portal as a WSGI app. `pool_size` None gives each use its own connection, as forked jobs need.

    Raises portal.config.BadSetting when a setting is missing or wrong.
    """
    from pathlib import Path

    from flask import Flask
    from flask_migrate import Migrate
    from werkzeug.middleware.proxy_fix import ProxyFix

    from portal import cli, clock, config, web
    from portal.db import db, end_session, engine_options
    from portal.sessions import DatabaseSessions

    settings = settings or config.load()
    root = Path(__file__).resolve().parent.parent
    app = Flask("portal", template_folder=str(root / "templates"), static_folder=str(root / "static"))
    app.config.update(
        PORTAL=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(pool_size=pool_size),
        MAX_CONTENT_LENGTH=1_000_000,
        MAX_FORM_MEMORY_SIZE=100_000,
        MAX_FORM_PARTS=200,
        TRUSTED_HOSTS=[settings.public_host],
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,  # our own check of Origin and Sec-Fetch-Site is stricter: see web/security.py
    )
    if settings.proxy_hops:
        # Exactly as many as are ours: one more, and a visitor could name an address of their choice.
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    use(settings)
    db.init_app(app)
    app.teardown_appcontext(end_session)
    Migrate(app, db, directory=str(root / "migrations"), compare_type=True)
    app.session_interface = DatabaseSessions(settings.cookie_suffix, clock.now)
    web.init_app(app, settings)
    cli.register(app)
    return app


def use(settings: Settings) -> None:
    """What belongs to the process and not to an app: logs, keys, clock, the doorbell, and the clients of partners."""
    global in_use
    from portal import clients, clock, crash, logs, vault
    from portal.outbox import relay, run
    from portal.staff.tasks import raise_task_for_parked, settle_task_for_parked

    logs.configure(settings.log_level)
    vault.use_keys(settings.field_keys)
    clock.follow(clock.OffsetFile(settings.instance_dir / "clock") if settings.is_local else None)
    crash.arm_from(settings.instance_dir / "crash-points" if settings.is_local else None)
    relay.use_redis(settings.redis_url)
    run.when_parked(raise_task_for_parked, settle_task_for_parked)
    clients.configure(settings)
    in_use = settings

"""The back office: a module per desk task. docs/staff.md tells how a page is added."""

from __future__ import annotations

from flask import Blueprint, Flask

from portal.db import Json
from portal.sessions import STAFF_PATH


def register(app: Flask) -> None:
    """Every desk task below /staff; its endpoints are called staff.<task>.<view>."""
    from portal.web.staff import (
        accounts,
        audit,
        bookings,
        catalogue,
        closures,
        content,
        diary,
        explain,
        extra_hours,
        holidays,
        home,
        hours,
        navigation,
        patients,
        places,
        practitioners,
        settings,
        sign_in,
        tasks,
        who,
    )

    staff = Blueprint("staff", __name__, url_prefix=STAFF_PATH)
    arranging = (practitioners, places, hours, closures, extra_hours, holidays, explain)
    running = (content, settings, accounts, audit)
    for task in (sign_in, home, diary, bookings, patients, tasks, catalogue, *arranging, *running):
        staff.register_blueprint(task.bp)

    @staff.context_processor
    def what_every_page_shows() -> Json:
        me = who.find_staff()
        return {"me": me, "navigation": navigation.for_staff(me) if me else []}

    app.register_blueprint(staff)

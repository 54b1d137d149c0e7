"""All tasks for staff, open and done."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select

from portal import clock
from portal.db import db, transaction
from portal.staff import tasks
from portal.staff.models import StaffTask
from portal.web.htmx import go
from portal.web.staff import pager, row_ids, task_rows, who

bp = Blueprint("tasks", __name__, url_prefix="/tasks")

STATES = {"open": "Open", "done": "Done"}
PER_PAGE = 200


@bp.get("")
def listed() -> ResponseReturnValue:
    me = who.staff()
    state = request.args.get("state", "open")
    about = request.args.get("about", "")
    wanted = _narrowed(tasks.visible_to(me), "done" if state == "done" else "open", about)
    page = pager.page_of(wanted, request.args.get("page"), per_page=PER_PAGE)
    return render_template(
        "staff/tasks.html",
        rows=task_rows.of(page.rows, me),
        page=page,
        state="done" if state == "done" else "open",
        states=STATES,
        about=about,
        kinds=sorted({kind.words for kind in tasks.KINDS.values() if me.may(kind.roles)}),
        done=_find(request.args.get("done")),
    )


@bp.post("/<int:task_id>/completion")
def mark_done(task_id: int) -> ResponseReturnValue:
    with transaction():
        tasks.mark_done(_get(task_id), who.staff(), clock.now())
    return go(url_for(".listed", done=task_id))


@bp.post("/<int:task_id>/opening")
def open_again(task_id: int) -> ResponseReturnValue:
    with transaction():
        tasks.open_again(_get(task_id), who.staff(), clock.now())
    return go(url_for(".listed"))


def _narrowed(wanted: Select[StaffTask], state: str, about: str) -> Select[StaffTask]:
    if about:
        kinds = [kind for kind, each in tasks.KINDS.items() if each.words == about]
        wanted = wanted.where(StaffTask.kind.in_(kinds))
    if state == "done":
        return wanted.where(StaffTask.done_at.is_not(None)).order_by(StaffTask.done_at.desc(), StaffTask.id.desc())
    return wanted.where(StaffTask.done_at.is_(None)).order_by(StaffTask.created_at, StaffTask.id)


def _get(task_id: int) -> StaffTask:
    """One of the tasks that are theirs; its row is locked, because two people may see to it at once."""
    mine = tasks.visible_to(who.staff()).where(StaffTask.id == task_id)
    task = db.session.scalars(mine.with_for_update()).one_or_none()
    return task if task is not None else abort(404)


def _find(raw: str | None) -> StaffTask | None:
    """The task that has just been marked as done, to offer it back."""
    if raw is None:
        return None
    mine = tasks.visible_to(who.staff()).where(StaffTask.id == row_ids.read(raw), StaffTask.done_at.is_not(None))
    return db.session.scalars(mine).one_or_none()

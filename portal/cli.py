"""Operator commands: the catalogue, the outbox, Graph's subscriptions, times, and what to set up in MediRecords."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click
import requests
from flask import Flask, current_app
from flask.cli import AppGroup
from redis.exceptions import RedisError
from sqlalchemy import select

from portal import clock, demo_clinic, words
from portal.catalogue import check, load, offer
from portal.catalogue.checklist import medirecords_checklist
from portal.catalogue.document import BadDocument, Document, read_document
from portal.catalogue.export import export
from portal.catalogue.models import AppointmentType, Service
from portal.config import Settings
from portal.db import db, retrying, transaction
from portal.intake.definition import BadForm, parse
from portal.outbox import owed, relay
from portal.scheduling import availability, holidays
from portal.scheduling.explain import CLOCK_CHANGES
from portal.staff.models import Practitioner
from portal.staff.tasks import settle_task
from portal.sync import freshness, subscriptions

catalogue = AppGroup("catalogue", help="The services, prices, forms and pages.")
outbox = AppGroup("outbox", help="What we still owe the outside systems.")
graph = AppGroup("graph", help="How Outlook tells us of changes.")
demo = AppGroup("demo", help="Invented data for local work.")
medirecords = AppGroup("medirecords", help="The clinic's practice records.")
times = AppGroup("times", help="Which times can be booked, and why not.")


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    for group in (catalogue, outbox, graph, demo, medirecords, times):
        app.cli.add_command(group)


def settings() -> Settings:
    found: Settings = current_app.config["PORTAL"]
    return found


@catalogue.command("load")
@click.argument("file", type=click.Path(path_type=Path), default=load.PACKAGED)
@click.option("--check", "only_check", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--if-empty", is_flag=True, help="Do nothing when there is a catalogue already.")
def load_catalogue(file: Path, only_check: bool, if_empty: bool) -> None:
    """Add and change what FILE says; the packaged catalogue without FILE. Nothing is ever deleted."""
    if if_empty and db.session.scalar(select(Service.id).limit(1)) is not None:
        click.echo("There is a catalogue already; nothing is loaded.")
        return
    document = _read(file)
    try:
        with transaction():
            changes = load.load(document, clock.now(), "command line")
            if only_check:
                db.session.rollback()
    except BadDocument as error:
        raise click.ClickException(str(error)) from None
    for change in changes:
        click.echo(change)
    told = "would change" if only_check else "changed"
    click.echo(f"{len(changes)} {told}." if changes else f"Nothing {told}.")


@catalogue.command("export")
def export_catalogue() -> None:
    """Print the catalogue as a document that `catalogue load` reads."""
    click.echo(json.dumps(export(clock.now()), indent=2, ensure_ascii=False))


@catalogue.command("check")
def check_catalogue() -> None:
    """Say what is worth a second look."""
    now = clock.now()
    warnings = check.warnings(now, now.astimezone(settings().zone).date())
    for warning in warnings:
        click.echo(warning)
    if not warnings:
        click.echo("Nothing to look at.")


@outbox.command("list")
@click.option("--parked", "only_parked", is_flag=True, help="Only what was given up and needs a person.")
def list_outbox(only_parked: bool) -> None:
    """Show what is owed to the outside. Ids only: nothing here tells whose visit it is."""
    at = clock.now()
    rows = [
        (
            str(row.id),
            owed.state_of(row, at),
            f"{row.job}({', '.join(map(str, row.args))})",
            row.queue,
            str(row.attempts),
            _age(at - row.created_at),
            row.last_error or "-",
        )
        for row in owed.owed(only_parked=only_parked)
    ]
    if rows:
        _table(("id", "state", "job", "queue", "tries", "age", "last error"), rows)
    else:
        click.echo("Nothing was given up." if only_parked else "Nothing is owed.")


@outbox.command("retry")
@click.argument("id", type=int)
def retry_outbox(id: int) -> None:
    """Try a job again that was given up, once its cause is mended."""
    at = clock.now()
    try:
        with transaction():
            row = owed.try_again(id, at)
            settle_task("job-parked", at, about=row.dedupe_key)
            is_due, job, queue = row.done_at is None, row.job, row.queue
    except owed.NotParked:
        raise click.ClickException(f"Row {id} was not given up; `flask outbox list --parked` shows those.") from None
    relay.ring(queue)
    click.echo(f"{job} is due again." if is_due else f"{job} waits in a newer row already; this one is closed.")


@outbox.command("ring")
def ring_outbox() -> None:
    """Ring for the workers now, without waiting for the sweep."""
    try:
        relay.connection().ping()
    except RedisError:
        raise click.ClickException("Redis does not answer. No work is lost: the rows wait in the database.") from None
    queues = relay.queues_with_work(clock.now())
    for queue in queues:
        relay.ring(queue)
        click.echo(f"Rang for {queue}.")
    if not queues:
        click.echo("Nothing is due.")


@graph.command("subscriptions")
def list_subscriptions() -> None:
    """Show whose calendar changes Graph tells us about, and until when."""
    rows = [(one.practitioner, _moment(one.expires_at), one.state) for one in subscriptions.all_of_them(clock.now())]
    if rows:
        _table(("practitioner", "expires", "state"), rows)
    else:
        click.echo("There are no practitioners yet.")


@graph.command("status")
def show_freshness() -> None:
    """Show how fresh our knowledge of each practitioner's busy time is, in Outlook and in MediRecords."""
    rows = [
        (one.practitioner, one.source, _moment(one.read_at), _moment(one.believed_until), one.state)
        for one in freshness.all_of_them(clock.now())
    ]
    if rows:
        _table(("practitioner", "source", "read", "believed until", "state"), rows)
    else:
        click.echo("No practitioner has a calendar outside yet.")


@graph.command("renew")
def renew_subscriptions() -> None:
    """Renew every subscription, and make those anew that Graph does not know any more. A worker does it."""
    with transaction():
        renewed = subscriptions.renew_all(clock.now())
    for practitioner in renewed:
        click.echo(f"{practitioner} is due for renewal.")
    if not renewed:
        click.echo("No practitioner has a mailbox yet.")


@demo.command("clinic")
@click.option("--quiet", is_flag=True, help="Say nothing when it goes well.")
def build_demo_clinic(quiet: bool) -> None:
    """Put an invented clinic into the database and the sandbox. Running it again changes nothing."""
    if not settings().is_local:
        raise click.ClickException("The invented clinic is for local work only.")
    if db.session.scalar(select(Service.id).limit(1)) is None:
        raise click.ClickException("There is no catalogue yet: run `flask catalogue load` first.")
    with transaction():
        added = demo_clinic.build()
    sandbox = settings().stripe_api_base.removesuffix("/stripe")
    try:
        demo_clinic.introduce(sandbox, demo_clinic.people(settings().mail_from))
    except requests.RequestException:
        raise click.ClickException(f"The sandbox does not answer at {sandbox}; start it, then try again.") from None
    if not quiet:
        for each in added or ["The invented clinic is there already."]:
            click.echo(each)


@medirecords.command("checklist")
def print_checklist() -> None:
    """Print what somebody has to create in MediRecords by hand."""
    for heading, lines in medirecords_checklist(clock.now()):
        click.echo(heading)
        for line in lines:
            click.echo(f"  [ ] {line}")


@times.command("explain")
@click.argument("type_slug", metavar="TYPE")
@click.argument("practitioner_slug", metavar="PRACTITIONER")
@click.argument("start")
def explain_time(type_slug: str, practitioner_slug: str, start: str) -> None:
    """Say why a time cannot be booked. START is as the clinic's clocks show it: 2026-12-01T10:00.

    PRACTITIONER "any" asks about everybody who offers the type.
    """
    at = clock.now()
    wanted = db.session.scalar(select(AppointmentType).where(AppointmentType.slug == type_slug))
    if wanted is None:
        raise click.ClickException(f"There is no appointment type {type_slug}.")
    if not offer.is_bookable(wanted, at):
        raise click.ClickException(f"{wanted.name} cannot be booked at all: it is not on sale.")
    practitioner_id = None if practitioner_slug == "any" else _practitioner_id(practitioner_slug)
    starts_at = _instant(start)
    reason = availability.explain(wanted, practitioner_id, starts_at, at) if starts_at else CLOCK_CHANGES
    click.echo(f"Cannot be booked: {reason.words}." if reason else "Can be booked.")


@times.command("holidays")
@click.option("--year", type=click.IntRange(2000, 2100), help="Only this year; else this one and the coming two.")
def load_holidays(year: int | None) -> None:
    """Add the public holidays of the states the clinic is in. What staff have changed stays as it is."""
    at = clock.now()
    years = holidays.coming_years(at) if year is None else [year]
    added = retrying(lambda: holidays.load(years, at))
    for holiday in added:
        click.echo(f"Add {holiday.name}, {words.day(holiday.day)} ({holiday.state}).")
        told = holidays.warning(holiday, at)
        if told is not None:
            click.echo(f"  {told}")
    if not added:
        click.echo("Nothing is added: all of them are there.")


def _practitioner_id(slug: str) -> int:
    found = db.session.scalar(select(Practitioner.id).where(Practitioner.slug == slug))
    if found is None:
        raise click.ClickException(f"There is no practitioner {slug}.")
    return found


def _instant(start: str) -> datetime | None:
    """The instant of a wall time in the clinic's zone; None for one that a clock change skips or repeats."""
    try:
        wall = datetime.strptime(start, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - the clinic's zone follows
    except ValueError:
        raise click.ClickException(f"{start} is not a time such as 2026-12-01T10:00.") from None
    if not abs(wall.date() - clock.now().date()) < timedelta(days=3660):
        raise click.ClickException(f"{start} is too many years away.")
    return clock.local_instant(wall.date(), wall.time(), settings().zone)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _age(age: timedelta) -> str:
    """The two units that matter, such as "3 h 20 min"."""
    minutes = max(0, int(age.total_seconds())) // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(settings().zone):%Y-%m-%d %H:%M %Z}" if at else "-"


def _read(file: Path) -> Document:
    """The document in a file, its forms read as well. Raises ClickException with one sentence."""
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        document = read_document(raw)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{file} is not a text in UTF-8.") from None
    except json.JSONDecodeError as error:
        raise click.ClickException(f"{file} is not JSON: line {error.lineno}, {error.msg}.") from None
    except BadDocument as error:
        raise click.ClickException(str(error)) from None
    for form in document.forms:
        try:
            parse(form.values["definition"])
        except BadForm as error:
            raise click.ClickException(f'Form "{form.slug}": {error}') from None
    return document

"""Commands for times: why one cannot be booked, and the public holidays that take some away."""

from __future__ import annotations

from datetime import datetime, timedelta

import click
from flask.cli import AppGroup
from sqlalchemy import select

from portal import clock, words
from portal.catalogue import offer
from portal.catalogue.models import AppointmentType
from portal.cli.settings import settings
from portal.db import db, retrying
from portal.scheduling import availability, holidays
from portal.scheduling.explain import CLOCK_CHANGES
from portal.staff.models import Practitioner

group = AppGroup("times", help="Which times can be booked, and why not.")


@group.command("explain")
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


@group.command("holidays")
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

"""The command that builds an invented clinic for local work."""

from __future__ import annotations

import click
import requests
from flask.cli import AppGroup
from sqlalchemy import select

from portal import demo_clinic
from portal.catalogue.models import Service
from portal.cli.settings import settings
from portal.db import db, transaction

group = AppGroup("demo", help="Invented data for local work.")


@group.command("clinic")
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

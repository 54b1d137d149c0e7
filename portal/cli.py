"""Operator commands: the catalogue, the invented clinic of local work, and what to set up in MediRecords."""

from __future__ import annotations

import json
from pathlib import Path

import click
import requests
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy import select

from portal import clock, demo_clinic
from portal.catalogue import check, load
from portal.catalogue.checklist import medirecords_checklist
from portal.catalogue.document import BadDocument, Document, read_document
from portal.catalogue.export import export
from portal.catalogue.models import Service
from portal.config import Settings
from portal.db import db, transaction
from portal.intake.definition import BadForm, parse

catalogue = AppGroup("catalogue", help="The services, prices, forms and pages.")
demo = AppGroup("demo", help="Invented data for local work.")
medirecords = AppGroup("medirecords", help="The clinic's practice records.")


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    for group in (catalogue, demo, medirecords):
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

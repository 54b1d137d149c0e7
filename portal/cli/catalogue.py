"""Commands for the catalogue: load it, write it out, and look it over."""

from __future__ import annotations

import json
from pathlib import Path

import click
from flask.cli import AppGroup
from sqlalchemy import select

from portal import clock
from portal.catalogue import check, load
from portal.catalogue.document import BadDocument, Document, read_document
from portal.catalogue.export import export
from portal.catalogue.models import Service
from portal.cli.settings import settings
from portal.db import db, transaction
from portal.intake.definition import BadForm, parse

group = AppGroup("catalogue", help="The services, prices, forms and pages.")


@group.command("load")
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


@group.command("export")
def export_catalogue() -> None:
    """Print the catalogue as a document that `catalogue load` reads."""
    click.echo(json.dumps(export(clock.now()), indent=2, ensure_ascii=False))


@group.command("check")
def check_catalogue() -> None:
    """Say what is worth a second look."""
    now = clock.now()
    warnings = check.warnings(now, now.astimezone(settings().zone).date())
    for warning in warnings:
        click.echo(warning)
    if not warnings:
        click.echo("Nothing to look at.")


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

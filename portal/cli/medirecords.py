"""The command that says what to set up in MediRecords."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal import clock
from portal.catalogue.checklist import medirecords_checklist

group = AppGroup("medirecords", help="The clinic's practice records.")


@group.command("checklist")
def print_checklist() -> None:
    """Print what somebody has to create in MediRecords by hand."""
    for heading, lines in medirecords_checklist(clock.now()):
        click.echo(heading)
        for line in lines:
            click.echo(f"  [ ] {line}")

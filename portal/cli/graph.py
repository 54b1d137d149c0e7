"""Commands for Outlook: how Graph tells us of changes, and how fresh our knowledge of busy time is."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from portal import clock
from portal.cli.table import moment, table
from portal.db import transaction
from portal.sync import freshness, subscriptions

group = AppGroup("graph", help="How Outlook tells us of changes.")


@group.command("subscriptions")
def list_subscriptions() -> None:
    """Show whose calendar changes Graph tells us about, and until when."""
    rows = [(one.practitioner, moment(one.expires_at), one.state) for one in subscriptions.all_of_them(clock.now())]
    if rows:
        table(("practitioner", "expires", "state"), rows)
    else:
        click.echo("There are no practitioners yet.")


@group.command("status")
def show_freshness() -> None:
    """Show how fresh our knowledge of each practitioner's busy time is, in Outlook and in MediRecords."""
    rows = [
        (one.practitioner, one.source, moment(one.read_at), moment(one.believed_until), one.state)
        for one in freshness.all_of_them(clock.now())
    ]
    if rows:
        table(("practitioner", "source", "read", "believed until", "state"), rows)
    else:
        click.echo("No practitioner has a calendar outside yet.")


@group.command("renew")
def renew_subscriptions() -> None:
    """Renew every subscription, and make those anew that Graph does not know any more. A worker does it."""
    with transaction():
        renewed = subscriptions.renew_all(clock.now())
    for practitioner in renewed:
        click.echo(f"{practitioner} is due for renewal.")
    if not renewed:
        click.echo("No practitioner has a mailbox yet.")

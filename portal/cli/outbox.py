"""Commands for the outbox: what we owe the outside systems, and what to try again."""

from __future__ import annotations

import click
from flask.cli import AppGroup
from redis.exceptions import RedisError

from portal import clock
from portal.cli.table import age, table
from portal.db import transaction
from portal.outbox import owed, relay
from portal.staff.tasks import settle_task

group = AppGroup("outbox", help="What we still owe the outside systems.")


@group.command("list")
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
            age(at - row.created_at),
            row.last_error or "-",
        )
        for row in owed.owed(only_parked=only_parked)
    ]
    if rows:
        table(("id", "state", "job", "queue", "tries", "age", "last error"), rows)
    else:
        click.echo("Nothing was given up." if only_parked else "Nothing is owed.")


@group.command("retry")
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


@group.command("ring")
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

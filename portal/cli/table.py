"""Shows rows as a table of plain text, with moments and ages as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import click

from portal.cli.settings import settings


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def moment(at: datetime | None) -> str:
    return f"{at.astimezone(settings().zone):%Y-%m-%d %H:%M %Z}" if at else "-"


def age(passed: timedelta) -> str:
    """The two units that matter, such as "3 h 20 min"."""
    minutes = max(0, int(passed.total_seconds())) // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"

"""Lines of a CSV file that a spreadsheet opens without running anything (security baseline 11)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

# A cell that begins so is a formula to a spreadsheet.
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def line(cells: Iterable[str]) -> str:
    """One line with its end. What would be a formula gets an apostrophe in front, which spreadsheets hide."""
    written = io.StringIO()
    csv.writer(written).writerow([f"'{cell}" if cell.startswith(_BEGINS_A_FORMULA) else cell for cell in cells])
    return written.getvalue()

"""The table: each budget, what was measured, what is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One budget of design §10. `is_met` None is a figure without a budget."""

    what: str
    measured: str
    wanted: str = ""
    is_met: bool | None = None


@dataclass
class Report:
    rows: list[Row] = field(default_factory=list)

    def at_most(self, what: str, measured: float, limit: float, unit: str, note: str = "") -> None:
        self._add(what, _words(measured, unit, note), f"<= {_words(limit, unit)}", measured <= limit)

    def at_least(self, what: str, measured: float, limit: float, unit: str = "", note: str = "") -> None:
        self._add(what, _words(measured, unit, note), f">= {_words(limit, unit)}", measured >= limit)

    def holds(self, what: str, measured: str, wanted: str, is_met: bool) -> None:
        self._add(what, measured, wanted, is_met)

    def figure(self, what: str, measured: str) -> None:
        self._add(what, measured, "", None)

    @property
    def misses(self) -> list[Row]:
        return [row for row in self.rows if row.is_met is False]

    def table(self) -> str:
        cells = [("Budget", "Measured", "Wanted", "")]
        verdicts = {True: "ok", False: "MISS", None: ""}
        cells += [(row.what, row.measured, row.wanted, verdicts[row.is_met]) for row in self.rows]
        widths = [max(len(row[place]) for row in cells) for place in range(4)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths).rstrip(), *lines[1:]])

    def _add(self, what: str, measured: str, wanted: str, is_met: bool | None) -> None:
        row = Row(what, measured, wanted, is_met)
        self.rows.append(row)
        verdict = {True: "ok", False: f"MISS, wanted {wanted}", None: ""}[is_met]
        print(f"  {what}: {measured}  {verdict}".rstrip(), flush=True)


def _words(value: float, unit: str, note: str = "") -> str:
    digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}{' ' if unit and unit != '%' else ''}{unit}{f' ({note})' if note else ''}"

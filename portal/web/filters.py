"""How pages say dates, times and money. The rules are those of product-reference 2."""

from __future__ import annotations

from typing import cast

from flask import Flask, g

from portal import clinic, markdown, money, words
from portal.config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        money=money.in_words,
        gst=money.gst_inside,
        length=words.length,
        day=words.day,
        clock=words.clock,
        clock_in_zone=words.clock_in_zone,
        when=words.when,
        brief=words.brief,
        birth_date=words.birth_date,
        markdown=markdown.to_html,
    )
    app.jinja_env.globals["clinic"] = _clinic
    app.jinja_env.globals["clinic_zone"] = settings.zone


def _clinic() -> clinic.Clinic:
    """The clinic's details, read once for a request however often its page names them."""
    if "clinic" not in g:
        g.clinic = clinic.details()
    return cast(clinic.Clinic, g.clinic)

"""How pages say dates, times and money. The rules are those of product-reference 2."""

from __future__ import annotations

from flask import Flask

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
        markdown=markdown.to_html,
    )
    app.jinja_env.globals["clinic"] = clinic.details
    app.jinja_env.globals["clinic_zone"] = settings.zone

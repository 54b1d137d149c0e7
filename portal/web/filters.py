"""How pages say dates, times and money. The rules are those of product-reference 2."""

from __future__ import annotations

import nh3
from flask import Flask
from markdown_it import MarkdownIt
from markupsafe import Markup

from portal import clinic, money, words
from portal.config import Settings

_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False})
_TAGS = {"p", "h2", "h3", "ul", "ol", "li", "strong", "em", "a", "br", "blockquote", "hr"}


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
        markdown=markdown,
    )
    app.jinja_env.globals["clinic"] = clinic.details
    app.jinja_env.globals["clinic_zone"] = settings.zone


def markdown(text: str) -> Markup:
    """Staff's Markdown as safe HTML: raw HTML is not read at all, and what comes out passes an allow-list."""
    html = _markdown.render(text)
    safe = nh3.clean(html, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"https", "mailto", "tel"})
    return Markup(safe)  # noqa: S704 - cleaned in the line above

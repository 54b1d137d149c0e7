"""Staff's Markdown, as safe HTML for pages and mails and as plain words for the text of a mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

_parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).disable("image")
_TAGS = {"p", "h2", "h3", "ul", "ol", "li", "strong", "em", "a", "br", "blockquote", "hr"}
_SCHEMES = {"https", "mailto", "tel"}


def to_html(source: str) -> Markup:
    """Raw HTML is not read at all, and what comes out passes an allow-list."""
    safe = nh3.clean(_parser.render(source), tags=_TAGS, attributes={"a": {"href"}}, url_schemes=_SCHEMES)
    return Markup(safe)  # noqa: S704 - cleaned in the line above


def to_text(source: str) -> str:
    """The same words without marks: paragraphs apart, list items each on a line, links with their address behind."""
    text, previous_is_item = "", False
    for mark, words in _blocks(_parser.parse(source)):
        between = "\n" if mark and previous_is_item else "\n\n"
        text += (between if text else "") + mark + words
        previous_is_item = bool(mark)
    return text


def _blocks(tokens: Iterable[Token]) -> Iterator[tuple[str, str]]:
    """Each paragraph, heading or list item as (its list mark or "", its words)."""
    mark = ""
    for token in tokens:
        if token.type == "list_item_open":
            mark = f"{token.info}{token.markup} " if token.info else "- "
        elif token.type == "inline":
            yield mark, _words(token.children or [])
            mark = ""
        elif token.type in ("code_block", "fence"):
            yield mark, token.content.rstrip("\n")
            mark = ""


def _words(tokens: Iterable[Token]) -> str:
    words, address = "", ""
    for token in tokens:
        if token.type == "link_open":
            address = str(token.attrs.get("href", ""))
        elif token.type == "link_close":
            is_shown = address.partition(":")[0] in _SCHEMES and not words.endswith(address)
            words += f" ({address})" if is_shown else ""
        elif token.type in ("softbreak", "hardbreak"):
            words += "\n"
        else:
            words += token.content
    return words

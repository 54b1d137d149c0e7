"""Staff's Markdown on pages and in the text of mails."""

from __future__ import annotations

import pytest

from portal.markdown import to_html, to_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Please come **5 minutes** early.", "Please come 5 minutes early."),
        ("One.\n\nTwo.", "One.\n\nTwo."),
        ("Bring:\n\n- a card\n- a towel\n\nThanks.", "Bring:\n\n- a card\n- a towel\n\nThanks."),
        ("1. Park\n2. Ring", "1. Park\n2. Ring"),
        ("See [the map](https://example.com/map).", "See the map (https://example.com/map)."),
        ("<https://example.com/map>", "https://example.com/map"),
        ("Tom & Jerry <b>bold</b>", "Tom & Jerry <b>bold</b>"),
        ("", ""),
    ],
)
def test_a_mail_says_markdown_in_plain_words(source: str, text: str) -> None:
    assert to_text(source) == text


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,hello)",
        '<img src="x" onerror="alert(1)">',
        "![beacon](https://example.com/beacon.gif)",
    ],
)
def test_html_runs_and_fetches_nothing(source: str) -> None:
    html = str(to_html(source))

    assert "<script" not in html
    assert "<img" not in html
    assert "href" not in html or "https://example.com/beacon.gif" in html


def test_text_hides_the_addresses_that_html_refuses() -> None:
    assert to_text("[call](ftp://example.com/x)") == "call"
    assert "ftp:" not in to_html("[call](ftp://example.com/x)")

"""Every template compiles, and asks nothing of the browser that our CSP refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

TEMPLATES = Path(__file__).parents[1] / "templates"
NAMES = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*") if path.is_file())
PAGES = [name for name in NAMES if name.endswith(".html") and not name.startswith("email/")]

# Inline scripts, styles and handlers, and htmx's own ways to run code.
REFUSED = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+\s*=(?!=)|\shx-on|javascript:", re.IGNORECASE)


def test_there_are_templates() -> None:
    assert len(NAMES) > 10


@pytest.mark.parametrize("name", NAMES)
def test_it_compiles(app: Flask, name: str) -> None:
    app.jinja_env.get_template(name)


@pytest.mark.parametrize("name", PAGES)
def test_it_has_nothing_that_the_csp_refuses(name: str) -> None:
    found = REFUSED.findall((TEMPLATES / name).read_text())
    assert not found, f"{name}: {found}"


@pytest.mark.parametrize("name", NAMES)
def test_it_never_switches_escaping_off(name: str) -> None:
    found = re.findall(r"\|\s*safe\b|autoescape\s+false", (TEMPLATES / name).read_text())
    assert not found, name

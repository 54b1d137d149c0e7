"""Finds the settings of the app that a command runs in."""

from __future__ import annotations

from flask import current_app

from portal.config import Settings


def settings() -> Settings:
    found: Settings = current_app.config["PORTAL"]
    return found

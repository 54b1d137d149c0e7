"""Operator commands: what whoever runs the portal can ask of it with `flask ...`."""

from __future__ import annotations

from flask import Flask

from portal.cli import catalogue, demo, graph, medirecords, outbox, times

GROUPS = (catalogue.group, outbox.group, graph.group, demo.group, medirecords.group, times.group)


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    for group in GROUPS:
        app.cli.add_command(group)

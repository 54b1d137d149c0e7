"""The yardstick: a Flask app that does nothing, on the same server as the portal."""

from __future__ import annotations

from flask import Flask

app = Flask("hello")


@app.get("/")
def hello() -> str:
    return "hello"

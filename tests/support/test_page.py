"""Page reads and fills in forms as a browser would, and refuses what a person could not do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue

from tests.support.visitor import Visitor

FORM = """
<title>Details - Clinic</title><h1>Your   details</h1>
<div class="error-summary" role="alert"><h2>There is a problem</h2><ul><li><a href="#given">Enter a name</a></ul></div>
<form action="sent" method="post">
  <input type="hidden" name="token" value="t1">
  <p class="error" id="given-error"><span>Error:</span> Enter a name</p>
  <label for="given">Given name</label><input id="given" name="given" value="Ada">
  <textarea name="note">\nTwo\nlines</textarea>
  <label><input type="radio" name="part" value="am" checked> Morning</label>
  <label><input type="radio" name="part" value="pm"> Afternoon</label>
  <label for="c1">By mail</label><input type="checkbox" id="c1" name="by" value="mail" checked>
  <label for="c2">By phone</label><input type="checkbox" id="c2" name="by" value="phone">
  <input type="checkbox" name="agree" value="yes">
  <select name="state"><option value="">Choose</option><option value="NSW">New South Wales</option></select>
  <input name="gone" value="x" disabled>
  <button name="act" value="save">Save</button> <button>Continue</button> <button type="button">Not a button</button>
</form>
<form action="/find"><input name="q"><button aria-label="Find people">?</button></form>
<input name="late" form="far" value="l"><form id="far" action="/sent" method="post"><button>Far</button></form>
<a href="/elsewhere">Elsewhere</a> <a href="/stripe">Pay</a>
"""


@pytest.fixture
def visitor() -> Visitor:
    app = Flask(__name__)
    app.config["PORTAL"] = SimpleNamespace(public_url="http://127.0.0.1:8000")
    app.test_client_class = Visitor

    @app.get("/form")
    def form() -> str:
        return FORM

    @app.post("/sent")
    def sent() -> ResponseReturnValue:
        pairs = [f"{name}={value}" for name, value in request.form.items(multi=True)]
        origin = request.headers["Origin"]
        return f"<h1>Sent</h1><p>{'|'.join(pairs)} from {origin}</p>"

    @app.get("/find")
    def find() -> str:
        return f"<h1>Found {request.args['q']}</h1>"

    @app.get("/elsewhere")
    def elsewhere() -> ResponseReturnValue:
        return redirect("/find?q=moved", 303)

    @app.get("/stripe")
    def stripe() -> ResponseReturnValue:
        return redirect("http://localhost:8001/stripe/pay", 303)

    client = app.test_client()
    assert isinstance(client, Visitor)
    return client


def test_it_reads_what_a_person_reads(visitor: Visitor) -> None:
    page = visitor.page("/form")
    assert (page.title, page.heading) == ("Details - Clinic", "Your details")
    assert page.errors == ["Enter a name"]
    assert (page.error_for("given"), page.error_for("note")) == ("Enter a name", None)
    assert page.has("There is a problem")
    assert page.links == {"Enter a name": "#given", "Elsewhere": "/elsewhere", "Pay": "/stripe"}
    assert page.buttons == ["Save", "Continue", "Find people", "Far"]
    assert (page.value("given"), page.value("part"), page.value("by")) == ("Ada", "am", ["mail"])
    assert page.part("form[action=sent]").links == {}


def test_a_form_goes_as_it_is(visitor: Visitor) -> None:
    sent = visitor.page("/form").submit("Continue")
    assert sent.heading == "Sent"
    assert sent.has("token=t1|given=Ada|note=Two lines|part=am|by=mail|state= from http://127.0.0.1:8000")


def test_a_form_goes_as_a_person_fills_it_in(visitor: Visitor) -> None:
    page = visitor.page("/form")
    sent = page.submit(
        "Save", given="Bo", part="Afternoon", by=["By mail", "phone"], agree=True, state="New South Wales", note=None
    )
    assert sent.has("token=t1|given=Bo|part=pm|by=mail|by=phone|agree=yes|state=NSW|act=save")
    assert page.submit("Continue", by=[]).has("part=am|state=")


def test_fields_and_buttons_may_stand_outside_their_form(visitor: Visitor) -> None:
    page = visitor.page("/form")
    assert page.submit("Far", late="now").has("late=now from")
    assert page.submit("Find people", q="Ada").heading == "Found Ada"


def test_redirects_are_followed_inside_the_portal_and_shown_where_they_leave_it(visitor: Visitor) -> None:
    page = visitor.page("/form")
    moved = page.follow("Elsewhere")
    assert (moved.heading, moved.url, moved.left_for) == ("Found moved", "/find?q=moved", None)
    assert page.follow("Pay").left_for == "http://localhost:8001/stripe/pay"


@pytest.mark.parametrize(
    ("button", "fields", "why"),
    [
        ("Nowhere", {}, "no button 'Nowhere'"),
        ("Not a button", {}, "no button 'Not a button'"),
        ("Continue", {"surname": "B"}, r"the form has no \['surname'\]"),
        ("Continue", {"gone": "y"}, r"the form has no \['gone'\]"),
        ("Continue", {"part": "night"}, "part offers no 'night'"),
        ("Continue", {"state": "Mars"}, "state offers no 'Mars'"),
        ("Continue", {"by": True}, "by has several choices"),
    ],
)
def test_what_a_person_could_not_do_is_refused(visitor: Visitor, button: str, fields: dict[str, str], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        visitor.page("/form").submit(button, **fields)

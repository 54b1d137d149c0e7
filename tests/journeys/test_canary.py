"""Words planted in every field of every form are looked for afterwards in every place where they have no business."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from bs4 import Tag

from portal.local.clinic import Clinic
from tests.support.whole_clinic import HttpVisitor, Seen, emu, heal, query, running_clinic, until

pytestmark = [pytest.mark.program, pytest.mark.timeout(240)]

TYPE = "initial-alternative-15min"
# With the mini intake of the first one these are all forms that patients answer.
OTHER_TYPES = ("followup-alternative-10min", "followup-gaps-15min", "followup-weight-45min")
# What tells of health or is told in confidence: sealed in one column, and nowhere else at all.
ANSWERS = {
    "adjustments_which": "kowarimark",
    "reason": "ningauimark",
    "other_care_who": "dibblermark",
    "medicines_which": "wambengermark",
    "allergies_which": "quollmark",
}
SAID_ONCE = {"reason": "taipanmark", "reference": "WOBBEGONGMARK"}  # of a cancelled visit; of a visit to find
NAMES = {"given_name": "Quokkaline", "family_name": "Zephyrwick", "preferred_name": "Numbatina"}
BOOKED_BY, EMAIL, MOBILE = "Bilbyana Echidnel", "potoroomark@example.com", "0491 570 158"
BORN = {"born-day": "9", "born-month": "3", "born-year": "2015"}
CHILD = NAMES | BORN | {"booked_for": "child", "booked_by": BOOKED_BY, "gender": "other"}

PEOPLE = {"database: patient", "MediRecords", "mail"}
MAY_BE_IN: dict[str, set[str]] = {
    **{word: set[str]() for word in (*ANSWERS.values(), *SAID_ONCE.values())},
    **dict.fromkeys(NAMES.values(), PEOPLE),
    BOOKED_BY: {"database: booking", "mail"},
    EMAIL: {*PEOPLE, "database: payment", "Stripe"},
    MOBILE: {"database: patient", "MediRecords"},
    MOBILE.replace(" ", "")[1:]: {"database: patient", "MediRecords"},
}


@dataclass(frozen=True)
class Trace:
    clinic: Clinic
    visitor: HttpVisitor
    reference: str
    answered: list[str]  # what was written into the other forms, a word of its own into each field
    error_pages: list[str]


@pytest.fixture(scope="module")
def trace() -> Iterator[Trace]:
    """A child's visit, asked for, answered, paid, moved, looked for and cancelled; every other form, filled in from top
    to bottom, and sent once more while the database was away; then everything came to rest."""
    with running_clinic(LOG_LEVEL="DEBUG", RATE_LIMIT_FACTOR="100") as clinic:
        visitor = HttpVisitor(clinic.url)
        reference = live_through_it(clinic, visitor)
        answered, error_pages = fill_in_the_others(clinic, visitor)
        # Cancelled at once, it leaves word of an event that is gone, which Graph wants looked for a minute longer.
        until(lambda: not owed(clinic), "all jobs", seconds=100)
        yield Trace(clinic, visitor, reference, answered, error_pages)


def live_through_it(clinic: Clinic, visitor: HttpVisitor) -> str:
    page = visitor.get(f"/book/{TYPE}?practitioner=tobias-wren")
    details = visitor.submit(page, "Continue", slot=page.times[-1])
    told = {"place": "qld", "adjustments": "yes", "adjustments_which": ANSWERS["adjustments_which"]}
    told |= CHILD | {"visited": "no", "mobile": MOBILE}
    # Once with a mistake, so that the page with errors has shown all of it as well.
    wrong = visitor.submit(details, "Continue", **told, email="x")
    assert wrong.status == 422
    intake = visitor.submit(wrong, "Continue", **told, email=EMAIL)
    opened = {"other_care": "yes", "medicines": "yes", "safety": ["allergies"], "interests": ["gaps"]}
    answers = {name: word for name, word in ANSWERS.items() if name != "adjustments_which"}
    check = visitor.submit(intake, "Continue", **opened, **answers)
    assert all(word in check.soup.get_text() for word in ANSWERS.values())
    reference = check.address.split("/")[-2]
    pay(clinic, visitor, check)
    booked = until(lambda: is_booked(visitor, reference), "the payment")
    until(lambda: rows(clinic, "medirecords/appointments", reference), "the MediRecords appointment")
    move = visitor.get(f"/bookings/{reference}/move")
    visitor.submit(move, "Move my visit", slot=move.times[0])
    find = visitor.get("/find-my-visit")
    visitor.submit(find, "Send me the link", email=EMAIL)
    visitor.submit(find, "Send me the link", email=EMAIL, reference=SAID_ONCE["reference"])
    cancel = visitor.get(f"{booked.address}/cancel")
    gone = visitor.submit(cancel, "Cancel this visit", reason=SAID_ONCE["reason"])
    assert gone.heading == "This visit is cancelled"
    return reference


def fill_in_the_others(clinic: Clinic, visitor: HttpVisitor) -> tuple[list[str], list[str]]:
    words, sent = list[str](), list[tuple[Seen, dict[str, Any]]]()
    for slug in OTHER_TYPES:
        times = visitor.get(f"/book/{slug}")
        details = visitor.submit(times, "Continue", slot=times.times[-1])
        told = CHILD | {"visited": "yes", "place": "qld", "adjustments": "no", "mobile": MOBILE, "email": EMAIL}
        intake = visitor.submit(details, "Continue", **told)
        answers, written = everything(intake.form("Continue"), slug.removeprefix("followup-").partition("-")[0])
        check = visitor.submit(intake, "Continue", **answers)
        assert check.heading == "Check your booking", check.problem
        # All but what stands below an answer that was not given.
        assert sum(word in check.soup.get_text() for word in written) >= max(6, len(written) - 3)
        words, sent = [*words, *written], [*sent, (details, told), (intake, answers)]
    refused = [visitor.submit(page, "Continue", **fields, csrf_token="of another day") for page, fields in sent]
    pid = clinic.pid("postgres")
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    until(lambda: visitor.get("/readyz").status == 503, "Postgres stopping")
    away = [visitor.submit(page, "Continue", **fields) for page, fields in sent]
    heal(clinic)
    until(lambda: visitor.get("/readyz").status == 200, "Postgres coming back")
    assert [{page.status for page in pages} for pages in (refused, away)] == [{400}, {503}]
    return words, [str(page.soup) for page in refused + away]


def everything(form: Tag, name: str) -> tuple[dict[str, Any], list[str]]:
    """An answer to every question, and what was written into its fields."""
    answers, words = dict[str, Any](), list[str]()
    for group in form.select("fieldset:has(input[type=radio], input[type=checkbox])"):
        # Whatever opens a further question is chosen, else the first.
        opening = list(group.select(".choice:has(+ .reveal) input")) or group.select(".choice input")[:1]
        boxes = opening if opening[0]["type"] == "checkbox" else opening[:1]
        answers.setdefault(str(boxes[0]["name"]), [str(box["value"]) for box in boxes])
    for box in form.select("textarea, input[type=text]"):
        is_number = box.get("inputmode") is not None
        answers[str(box["name"])] = "24" if is_number else f"{name}{len(words)}bandicootmark"
        words += [] if is_number else [answers[str(box["name"])]]
    return answers, words


def pay(clinic: Clinic, visitor: HttpVisitor, check: Seen) -> None:
    stripe_page = visitor.submit(check, "Pay ").address
    assert stripe_page.startswith(clinic.sandbox_url)
    requests.post(stripe_page, data={"outcome": "paid"}, allow_redirects=False, timeout=10).raise_for_status()


def is_booked(visitor: HttpVisitor, reference: str) -> Seen | None:
    page = visitor.get(f"/bookings/{reference}")
    return page if page.heading == "You are booked" else None


def rows(clinic: Clinic, path: str, reference: str) -> list[object]:
    return [row for row in emu(clinic, path) if reference in str(row)]


def owed(clinic: Clinic) -> int:
    return int(query(clinic, "select count(*) from outbox where done_at is null and parked_at is null")[0][0])


# --- where to look


def places(trace: Trace) -> Iterator[tuple[str, str]]:
    """Every place that keeps something, and all that it keeps, as text."""
    clinic = trace.clinic
    for file in sorted((clinic.instance_dir / "log").iterdir()):
        yield f"log: {file.name}", file.read_text(errors="replace")
    for file in sorted(clinic.instance_dir.rglob("*.log")):
        yield f"log: {file.name}", file.read_text(errors="replace")
    # The append-only file has every key and value that was ever written, also those that are gone.
    for file in sorted((clinic.instance_dir / "redis").rglob("*.aof")):
        yield "Redis", unpacked(file.read_bytes())
    yield "address", "\n".join(trace.visitor.urls)
    yield "error page", "\n".join(trace.error_pages)
    names = "select table_name from information_schema.tables where table_schema = 'public'"
    for (table,) in query(clinic, names):
        yield f"database: {table}", str(query(clinic, f"select t::text from {table} t"))
    yield from ledgers(clinic)


def ledgers(clinic: Clinic) -> Iterator[tuple[str, str]]:
    """What the outside systems were told. Mails are read as their reader sees them."""
    yield "mail", str(emu(clinic, "graph/messages"))
    called = {"stripe": "Stripe", "medirecords": "MediRecords", "graph": "Outlook"}
    with sqlite3.connect(f"file:{clinic.instance_dir / 'sandbox.sqlite'}?mode=ro", uri=True) as sandbox:
        for system, kind, value in sandbox.execute("select system, kind, value from object"):
            if system in called and not (system == "graph" and "message" in kind):
                yield called[system], value


def unpacked(raw: bytes) -> str:
    """The bytes as text, and beside it what RQ has packed into them."""
    packed = [raw[found.start() :] for found in re.finditer(b"x\x9c", raw)]
    return raw.decode(errors="replace") + "".join(map(_inflated, packed))


def _inflated(packed: bytes) -> str:
    try:
        return zlib.decompressobj().decompress(packed).decode(errors="replace")
    except zlib.error:
        return ""


# --- what must hold


def test_no_word_is_anywhere_but_where_it_belongs(trace: Trace) -> None:
    may_be_in = MAY_BE_IN | {word: set[str]() for word in trace.answered}
    seen: dict[str, set[str]] = {word: set() for word in may_be_in}
    for place, kept in places(trace):
        for word in may_be_in:
            if word.lower() in kept.lower():
                seen[word].add(place)
    strays = {word: where - may_be_in[word] for word, where in seen.items() if where - may_be_in[word]}
    assert not strays
    # The search itself works: what may be somewhere is found there.
    assert {"database: patient", "MediRecords"} <= seen[NAMES["family_name"]]
    assert {"database: patient", "Stripe", "mail"} <= seen[EMAIL]
    assert "database: booking" in seen[BOOKED_BY]


def test_every_place_was_looked_into(trace: Trace) -> None:
    looked = dict(places(trace))
    assert len(trace.answered) > 20
    assert "We will be right back" in looked["error page"]
    assert trace.reference in looked["mail"]
    assert "portal.outbox.run.drain" in looked["Redis"]
    assert '"route": "/bookings/<reference>/details"' in looked["log: web.log"]
    assert "outbox.ran" in looked["log: worker.log"]
    assert {"Stripe", "Outlook", "MediRecords", "database: outbox", "database: intake_answer"} <= set(looked)


def test_partners_and_addresses_do_not_tell_which_service_it_was(trace: Trace) -> None:
    """Stripe hears of an appointment, and no address joins a person to what it is about."""
    words = re.compile(r"alternative|naturo|wren", re.IGNORECASE)
    for place, kept in places(trace):
        if place == "Stripe":
            assert not words.search(kept), kept
    assert not [url for url in trace.visitor.urls if trace.reference in url and words.search(url)]


def test_what_waits_in_the_outbox_is_ids_and_nothing_else(trace: Trace) -> None:
    waiting = query(trace.clinic, "select job, args from outbox")
    assert len(waiting) > 3
    for job, args in waiting:
        for arg in args:
            assert isinstance(arg, int) or re.fullmatch(r"[0-9a-f]{12}", arg), job


def test_logs_hold_no_token_and_no_reference_in_an_address(trace: Trace) -> None:
    mail = next(mail for mail in emu(trace.clinic, "graph/messages") if "/b/" in mail["text"])
    token = re.search(r"/b/([\w-]{43})", mail["text"])
    assert token is not None
    cookies = [str(cookie.value) for cookie in trace.visitor.session.cookies]
    assert cookies
    for place, kept in places(trace):
        if not place.startswith(("mail", "address")):
            for secret in (token[1], *cookies):
                assert secret not in kept, place
        if place.startswith("log:"):
            assert f"/bookings/{trace.reference}" not in kept, place

"""Practitioners and places as managers keep them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import clock
from portal.db import db, transaction
from portal.scheduling.models import Location, Outside, OutsideCalendar, Room
from portal.staff import people
from portal.staff.access import Role
from portal.staff.models import AuditEntry, Practitioner
from portal.sync.models import GraphSubscription
from tests.support import factories
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")
MAILBOX, PROVIDER = "0b8e1c52-0000-4000-8000-000000000001", "7f1d0000-0000-4000-8000-000000000001"
RIGHT = {"name": "Zoë O'Brien", "profession": "Naturopath", "email": "zoe@rosella-clinic.example.com"}


def get(slug: str) -> Practitioner:
    return db.session.scalars(select(Practitioner).where(Practitioner.slug == slug)).one()


def test_somebody_new_gets_a_page_and_then_hours(as_role: SignIn, client: Visitor) -> None:
    page = as_role(Role.MANAGER).page("/staff/practitioners/new")
    page = page.submit("Add practitioner", **RIGHT, registration="ATMS  no. 0001", profile="Listens **well**.")
    assert page.has("Added. Give them hours")
    found = get("zoe-obrien")
    assert found.registration == "ATMS  no. 0001"  # letter by letter
    assert found.is_active
    assert page.part(".prose").soup.strong is not None
    assert client.page("/practitioners/zoe-obrien").heading == "Zoë O'Brien"
    [entry] = db.session.scalars(select(AuditEntry).where(AuditEntry.kind == "practitioner"))
    assert entry.subject == "zoe-obrien"


def test_a_profile_is_safe(as_role: SignIn) -> None:
    page = as_role(Role.MANAGER).page("/staff/practitioners/new")
    page = page.submit("Add practitioner", **RIGHT, profile="<script>alert(1)</script> [x](javascript:alert(1))")
    prose = page.part(".prose").soup
    assert prose.script is None
    assert prose.a is None


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"name": ""}, "Enter the name."),
        ({"email": "zoe"}, "Enter an e-mail address, such as name@example.com."),
        ({"graph_user_id": "zoe"}, "Enter the id as Microsoft shows it, such as 0b8e1c52-52c1-4b7e-8f4d-6a0f6d1c3e90."),
        ({"daily_cap": "0"}, "Enter a number from 1, or leave it empty."),
        ({"daily_cap": "many"}, "Enter a whole number."),
        ({"position": "-1"}, "Enter a whole number."),
        ({"slug": "Zoe!"}, "Use small letters, figures and hyphens, such as tobias-wren."),
        ({"slug": "taken"}, "Somebody else has this one already."),
        ({"graph_user_id": MAILBOX}, "Somebody else has this one already."),
        ({"medirecords_provider_id": PROVIDER.upper()}, "Somebody else has this one already."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(as_role: SignIn, typed: dict[str, str], words: str) -> None:
    factories.make_practitioner(slug="taken", graph_user_id=MAILBOX, medirecords_provider_id=PROVIDER)
    page = as_role(Role.OWNER).page("/staff/practitioners/new").submit("Add practitioner", **(RIGHT | typed))
    assert page.status == 422
    assert page.errors == [words]
    assert len(people.everybody()) == 1


def test_a_change_keeps_the_address(as_role: SignIn) -> None:
    factories.make_practitioner(slug="ines", name="Ines Calloway", profession="Nutritionist")
    page = as_role(Role.OWNER).page("/staff/practitioners/ines")
    page = page.submit("Save", name="Ines Calloway-Wren", daily_cap="6", medirecords_provider_id=PROVIDER)
    assert page.has("Saved.")
    found = get("ines")
    assert (found.name, found.daily_cap, found.medirecords_provider_id) == ("Ines Calloway-Wren", 6, PROVIDER)
    assert found.graph_user_id is None
    changed = select(AuditEntry.part).where(AuditEntry.kind == "practitioner").order_by(AuditEntry.id)
    assert db.session.scalars(changed).all() == ["name", "provider id", "visits a day"]


def test_a_manager_gives_nobody_a_diary(as_role: SignIn) -> None:
    """Whoever has a mailbox's id reads what its patients answered."""
    factories.make_practitioner(slug="ines", name="Ines Calloway", profession="Nutritionist", graph_user_id=MAILBOX)
    manager = as_role(Role.MANAGER)
    page = manager.page("/staff/practitioners/ines")
    assert page.has("Only an owner changes it")
    typed = {**RIGHT, "csrf_token": page.value("csrf_token"), "graph_user_id": MAILBOX[:-1] + "2", "position": "0"}
    assert manager.post("/staff/practitioners/ines/changes", data=typed).status_code == 303
    assert manager.post("/staff/practitioners", data={**typed, "name": "Zoë Wren"}).status_code == 303
    assert (get("ines").name, get("ines").graph_user_id) == ("Zoë O'Brien", MAILBOX)
    assert get("zoe-wren").graph_user_id is None


@pytest.mark.parametrize("mailbox", [MAILBOX, ""])
def test_whose_mailbox_it_was_and_is_now_sign_in_again(as_role: SignIn, mailbox: str) -> None:
    ines = factories.make_practitioner(slug="ines", name="Ines Calloway", profession="Nutritionist")
    before = as_role(Role.PRACTITIONER, practitioner=ines)
    after = as_role(Role.PRACTITIONER, practitioner=factories.make_practitioner(graph_user_id=MAILBOX, name="Ravi"))
    with transaction():
        db.session.scalars(select(Practitioner).where(Practitioner.graph_user_id == MAILBOX)).one().graph_user_id = None
    other = as_role(Role.RECEPTION)
    as_role(Role.OWNER).page("/staff/practitioners/ines").submit("Save", graph_user_id=mailbox)
    assert [each.get("/staff").status_code for each in (before, after, other)] == [303, 303 if mailbox else 200, 200]
    assert db.session.scalars(select(AuditEntry.part).where(AuditEntry.kind == "practitioner")).all() == ["mailbox id"]


@pytest.mark.parametrize("is_back", [False, True])
def test_who_retires_or_comes_back_signs_in_again(as_role: SignIn, is_back: bool) -> None:
    ines = factories.make_practitioner(slug="ines", name="Ines Calloway", profession="Nutritionist")
    page = as_role(Role.MANAGER).page("/staff/practitioners/ines")
    if is_back:
        page = page.submit("Retire")
    hers = as_role(Role.PRACTITIONER, practitioner=ines)
    assert hers.get("/staff").status_code == 200
    page.submit("Bring back" if is_back else "Retire")
    assert hers.get("/staff").status_code == 303


def test_retiring_shows_the_visits_that_stand_and_can_be_undone(as_role: SignIn, client: Visitor) -> None:
    person = factories.make_practitioner(slug="ines", name="Ines Calloway", profession="Nutritionist")
    visit = factories.make_booking(practitioner=person)
    page = as_role(Role.MANAGER).page("/staff/practitioners/ines").submit("Retire, and keep 1 visit for now")
    assert page.has("Ines Calloway is retired. The visits below stay until you move them.")
    assert page.has(visit.reference)
    assert client.get("/practitioners/ines").status_code == 404
    page = page.submit("Undo: bring Ines Calloway back")
    assert page.has("They are back.")
    assert get("ines").is_active
    db.session.refresh(visit)
    assert visit.is_confirmed


def connect(person: Practitioner, **columns: object) -> None:
    with transaction():
        db.session.add(OutsideCalendar(practitioner_id=person.id, source=Outside.OUTLOOK, **columns))


def outlook(as_role: SignIn, person: Practitioner) -> str:
    page = as_role(Role.RECEPTION).page(f"/staff/practitioners/{person.slug}")
    return page.part("[aria-labelledby=connections-heading]").text


def test_how_somebody_is_connected_is_told_in_words(as_role: SignIn) -> None:
    now = clock.now()
    alone = factories.make_practitioner()
    new, broken, half, whole = (
        factories.make_practitioner(graph_user_id=MAILBOX[:-1] + str(n), medirecords_provider_id=PROVIDER[:-1] + str(n))
        for n in range(4)
    )
    connect(broken, read_at=now - timedelta(days=1), failed_at=now - timedelta(hours=2), unknown_from=now, problem="x")
    connect(half, read_at=now)
    connect(whole, read_at=now)
    with transaction():
        subscription = {"subscription_id": "s", "client_state": "x", "expires_at": now + timedelta(days=2)}
        db.session.add(GraphSubscription(practitioner_id=whole.id, **subscription))
    assert "No mailbox: visits are written into no calendar." in outlook(as_role, alone)
    assert "No provider: visits get no appointment there." in outlook(as_role, alone)
    assert "has not been read yet" in outlook(as_role, new)
    told = outlook(as_role, broken)
    assert "cannot be read since" in told
    assert "Nobody can book with them until it can." in told
    assert "Changes there are not told to us yet." in outlook(as_role, half)
    assert "Connected. Read" in outlook(as_role, whole)
    assert "Provider is set." in outlook(as_role, whole)


# --- places


def test_a_place_and_its_room_are_added(as_role: SignIn) -> None:
    page = as_role(Role.MANAGER).page("/staff/places/new")
    page = page.submit(
        "Add place", name="Harbour Rooms", address="2 Example St, Perth", zone="Australia/Perth", state="WA"
    )
    assert page.heading == "Harbour Rooms"
    page = page.submit("Add room", name="Room 2")
    assert page.has("The room is added.")
    place = db.session.scalars(select(Location)).one()
    assert (place.slug, place.zone, place.state, place.is_telehealth) == (
        "harbour-rooms",
        "Australia/Perth",
        "WA",
        False,
    )
    assert db.session.scalars(select(Room)).one().location_id == place.id


def test_only_telehealth_has_no_address(as_role: SignIn) -> None:
    page = as_role(Role.MANAGER).page("/staff/places/new").submit("Add place", name="Video")
    assert page.errors == ["Enter the address. Only telehealth has none."]
    page = page.submit("Add place", is_telehealth=True)
    assert page.heading == "Video"


def test_a_room_needs_a_name(as_role: SignIn) -> None:
    factories.make_location(slug="here")
    page = as_role(Role.MANAGER).page("/staff/places/here").submit("Add room", name=" ")
    assert page.status == 422
    assert page.errors == ["Enter the name of the room, such as Room 2."]

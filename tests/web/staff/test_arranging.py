"""Each page of practitioners, hours, closures and explain opens, for those who may."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal.staff.access import Role
from tests.support import factories
from tests.support.visitor import Visitor

SignIn = Callable[..., Visitor]
pytestmark = pytest.mark.usefixtures("ctx")

PAGES = {
    "/staff/practitioners": "Practitioners",
    "/staff/practitioners/ines-moreau": "Dr Ines Moreau",
    "/staff/practitioners/ines-moreau/hours": "Hours of Dr Ines Moreau",
    "/staff/places": "Places and rooms",
    "/staff/places/here": "Rosella Clinic",
    "/staff/closures": "Closures and leave",
    "/staff/closures/impact?what=clinic&first=2030-05-06": "The whole clinic, Monday 6 May 2030",
    "/staff/extra-hours": "Extra hours",
    "/staff/holidays": "Public holidays",
    "/staff/explain": "Explain a time",
}
# Lists and questions: nobody changes anything there.
WITHOUT_ACTS = ("/staff/practitioners", "/staff/places", "/staff/closures", "/staff/explain")
FOR_MANAGERS = ("/staff/practitioners/new", "/staff/places/new")


@pytest.fixture(autouse=True)
def _clinic(ctx: None) -> None:
    place = factories.make_location(slug="here")
    factories.make_hours(factories.make_practitioner(slug="ines-moreau"), place)
    factories.make_type()


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER, Role.RECEPTION])
@pytest.mark.parametrize(("path", "heading"), PAGES.items())
def test_the_desk_may_look(as_role: SignIn, role: Role, path: str, heading: str) -> None:
    page = as_role(role).page(path)
    assert page.heading == heading
    acts = {"Save", "Save hours", "Retire", "Add room", "Add extra hours", "Add holiday", "Close"} & set(page.buttons)
    assert bool(acts) == (role != Role.RECEPTION and path not in WITHOUT_ACTS)


@pytest.mark.parametrize("path", FOR_MANAGERS)
def test_only_managers_add(as_role: SignIn, path: str) -> None:
    assert as_role(Role.MANAGER).get(path).status_code == 200
    assert as_role(Role.RECEPTION).get(path).status_code == 403


@pytest.mark.parametrize("role", [Role.PRACTITIONER, Role.BOOKKEEPER])
@pytest.mark.parametrize("path", [*PAGES, *FOR_MANAGERS])
def test_others_may_not(as_role: SignIn, role: Role, path: str) -> None:
    person = factories.make_practitioner() if role == Role.PRACTITIONER else None
    assert as_role(role, practitioner=person).get(path).status_code == 403


@pytest.mark.parametrize(
    "path", ["/staff/practitioners/nobody", "/staff/practitioners/nobody/hours", "/staff/places/x"]
)
def test_what_is_not_there_is_not_found(as_role: SignIn, path: str) -> None:
    assert as_role(Role.OWNER).get(path).status_code == 404

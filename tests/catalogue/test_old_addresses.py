"""Where an address of the former site may lead. Pure."""

from __future__ import annotations

import pytest

from portal.catalogue.old_addresses import BadAddress, check

KNOWN = {"/team": "/about", "/a": "/b", "/b": "/contact"}
OURS = {"/", "/about", "/contact", "/services/gaps"}


def is_ours(path: str) -> bool:
    return path in OURS


@pytest.mark.parametrize(
    ("path", "leads_to", "kept"),
    [
        ("/our-team", "/about", ("/our-team", "/about")),
        ("/our-team/", "/about", ("/our-team", "/about")),
        ("https://www.rosella-clinic.example.com/our-team", "/about", ("/our-team", "/about")),
        ("/our-team", "/services/gaps#types", ("/our-team", "/services/gaps#types")),
        ("/Our-Team.html", "/", ("/Our-Team.html", "/")),
    ],
)
def test_an_old_address_leads_to_a_page_of_ours(path: str, leads_to: str, kept: tuple[str, str]) -> None:
    assert check(path, leads_to, KNOWN, is_ours) == kept


@pytest.mark.parametrize(
    ("path", "leads_to", "field", "words"),
    [
        ("our-team", "/about", "path", "begins with one slash"),
        ("", "/about", "path", "begins with one slash"),
        ("//evil.example.com", "/about", "path", "begins with one slash"),
        ("/old?page=1", "/about", "path", "without what follows"),
        ("/" + "x" * 300, "/about", "path", "path alone"),
        ("/team", "/contact", "path", "here already and leads to /about"),
        ("/contact", "/about", "path", "is a page of this site"),
        ("/", "/about", "path", "is a page of this site"),
        ("/old", "/old", "leads_to", "in a circle"),
        ("/old", "/old/", "leads_to", "in a circle"),
        ("/old", "/team", "leads_to", "straight on to /about"),
        ("/old", "/nowhere", "leads_to", "no such page"),
        ("/old", "https://evil.example.com", "leads_to", "begins with one slash"),
        ("/old", "//evil.example.com", "leads_to", "begins with one slash"),
        ("/old", "/about\nSet-Cookie: x", "leads_to", "begins with one slash"),
    ],
)
def test_what_would_lead_astray_is_refused(path: str, leads_to: str, field: str, words: str) -> None:
    with pytest.raises(BadAddress, match=words) as refused:
        check(path, leads_to, KNOWN, is_ours)
    assert refused.value.field == field


def test_a_longer_circle_is_seen_too() -> None:
    with pytest.raises(BadAddress, match="in a circle"):
        check("/old", "/x", {"/x": "/y", "/y": "/old"}, is_ours)

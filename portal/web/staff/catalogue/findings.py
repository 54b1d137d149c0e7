"""What is worth a second look in a draft, each with the address of the field that it is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import url_for

from portal import clock
from portal.catalogue import check
from portal.catalogue.check import Finding, Part, Weight
from portal.catalogue.document import BadDocument
from portal.catalogue.trial import as_if_published
from portal.db import Json
from portal.intake.definition import BadForm, parse
from portal.web import access
from portal.web.staff import who
from portal.web.staff.catalogue import desk

HOURS = "staff.practitioners.listed"  # their hours are a step from there


@dataclass(frozen=True)
class Shown:
    """A finding as the page lists it."""

    weight: Weight
    name: str
    says: str
    href: str | None
    is_new: bool = True  # what is published already raises no such doubt


def about(document: Json) -> list[Shown]:
    """Every doubt about the draft, and which of them it brings."""
    now = clock.now()
    today = now.astimezone(desk.zone()).date()
    known = {(each.slug, each.says) for each in check.findings(now, today)}
    try:
        with as_if_published(document, now=now):
            found = check.findings(now, today)
    except BadDocument as error:
        return [Shown(Weight.ERROR, "The catalogue", str(error), None)]
    return [*_unreadable_forms(document), *(_shown(each, (each.slug, each.says) not in known) for each in found)]


def _shown(finding: Finding, is_new: bool) -> Shown:
    return Shown(finding.weight, finding.name, finding.says, _address(finding), is_new)


def _address(finding: Finding) -> str | None:
    if finding.part == Part.SERVICE:
        return url_for("staff.catalogue.service_page", slug=finding.slug) + f"#{finding.field}"
    if finding.part == Part.PROCESSOR:
        return url_for("staff.catalogue.mapping_page", slug=finding.slug)
    if finding.part == Part.QUESTIONS:
        return url_for("staff.catalogue.form_page", slug=finding.slug)
    if finding.part == Part.HOURS and access.may_open(who.staff(), HOURS):
        return url_for(HOURS)
    return url_for("staff.catalogue.type_page", slug=finding.slug) + f"#{finding.field}"


def _unreadable_forms(document: Json) -> Iterator[Shown]:
    for each in document["forms"]:
        try:
            parse(each["definition"])
        except BadForm as error:
            yield Shown(Weight.ERROR, f"Form “{each['title']}”", str(error), None)

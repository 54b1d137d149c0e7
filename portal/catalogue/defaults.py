"""What a new service or appointment type is, as far as its document does not say. Pure.

The clinic's own ids tell most of it: followup-inperson-15min is a follow-up at the clinic.
"""

from __future__ import annotations

import re

from portal.catalogue.document import Document, ServiceEntry, TypeEntry
from portal.catalogue.models import Kind, Mode, PaymentPolicy, ProcessorKind, Service
from portal.db import Json

INITIAL_FORM = "mini-intake"
STANDARD_POLICY, FREE_POLICY = "standard", "free"
SAID = {"followup": "follow-up", "inperson": "in person", "tbd": ""}


def of_service(entry: ServiceEntry, position: int) -> Json:
    return {"name": in_words(entry.slug), "status": "draft", "position": position}


def of_type(entry: TypeEntry, service_slug: str, position: int, packaged: Document) -> Json:
    """Columns of a new type; `packaged` tells which form a follow-up of this service usually has."""
    kind = entry.values.get("kind", kind_of(entry.slug))
    mode = entry.values.get("mode", mode_of(entry.slug))
    is_free = entry.values.get("price_cents") == 0
    return {
        "name": in_words(entry.slug),
        "kind": kind,
        "mode": mode,
        "position": position,
        "calendar_slug": service_slug,
        "needs_room": mode == Mode.IN_PERSON,
        "payment_policy": PaymentPolicy.NONE if is_free else PaymentPolicy.FULL,
        "cancellation_policy_slug": FREE_POLICY if is_free else STANDARD_POLICY,
        "intake_form": _follow_up_form(service_slug, packaged) if kind == Kind.FOLLOW_UP else INITIAL_FORM,
        "reporting_category": service_slug,
    }


def of_processor(service: Service) -> Json:
    """MediRecords where a type has a code for it, the waitlist while the service is coming soon."""
    if service.is_coming_soon:
        return {"kind": ProcessorKind.WAITLIST}
    has_code = any(each.medi_code for each in service.types)
    return {"kind": ProcessorKind.MEDIRECORDS if has_code else ProcessorKind.NONE}


def kind_of(type_slug: str) -> Kind:
    parts = type_slug.split("-")
    if "consult" in parts:
        return Kind.CONSULT
    return Kind.FOLLOW_UP if "followup" in parts else Kind.INITIAL


def mode_of(type_slug: str) -> Mode:
    return Mode.IN_PERSON if "inperson" in type_slug.split("-") else Mode.TELEHEALTH


def in_words(slug: str) -> str:
    """ "followup-alternative-30min" as "Follow-up alternative, 30 minutes"."""
    *_, length = re.findall(r"-(\d+)min$", slug) or [""]
    words = " ".join(SAID.get(part, part) for part in slug.removesuffix(f"-{length}min").split("-")).strip()
    return words[:1].upper() + words[1:] + (f", {length} minutes" if length else "")


def _follow_up_form(service_slug: str, packaged: Document) -> str | None:
    for service in packaged.services:
        for each in service.types:
            if service.slug == service_slug and each.values.get("kind") == Kind.FOLLOW_UP:
                form: str | None = each.values.get("intake_form")
                return form
    return None

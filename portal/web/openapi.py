"""Describes the JSON interface in OpenAPI 3.1, by hand: tests hold what it says against what we answer."""

from __future__ import annotations

from typing import Any

from portal.catalogue.models import Kind, Mode, ServiceStatus, WhoMayBook
from portal.db import Json

USUAL_DAYS = 7
MOST_DAYS = 28

_SLUG = {"type": "string", "description": "A name in addresses; it stays the same."}
_TEXT = {"type": "string"}
_URL = {"type": "string", "format": "uri"}


def document(public_url: str) -> Json:
    """The whole description, as JSON. `public_url` is where the portal is found."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The clinic's services and free times",
            "version": "1",
            "description": "Read only and public. Every answer may be kept for a minute, and has an ETag. A time that "
            "is listed can be booked at the type's `book_url` unless somebody else takes it first.",
        },
        "servers": [{"url": public_url}],
        "paths": {
            "/api/v1/services": {"get": _SERVICES},
            "/api/v1/types/{type_slug}/times": {"get": _TIMES},
            "/api/v1/openapi.json": {"get": _DESCRIPTION},
        },
        "components": {"schemas": _SCHEMAS},
    }


def _object(**properties: Any) -> Json:
    """An object that has exactly these properties, all of them always."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list_of(items: Json) -> Json:
    return {"type": "array", "items": items}


def _or_null(schema: Json, description: str) -> Json:
    return {**schema, "type": [schema["type"], "null"], "description": description}


def _schema(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _answers(schema: Json, *more: int) -> Json:
    """The usual answers of an operation, and those of `more`."""
    refused = {"application/problem+json": {"schema": _schema("Problem")}}
    words = {
        400: "A parameter is wrong; `errors` says which, and why.",
        404: "There is no such appointment type, or it cannot be booked at the moment.",
        429: "Too many requests from this address.",
    }
    return {
        "200": {
            "description": "The answer",
            "headers": {
                "ETag": {"schema": _TEXT, "description": "Send it back as If-None-Match."},
                "Cache-Control": {"schema": _TEXT},
            },
            "content": {"application/json": {"schema": schema}},
        },
        "304": {"description": "The answer whose ETag was sent as If-None-Match is still true."},
        **{str(code): {"description": words[code], "content": refused} for code in (400, *more, 429)},
    }


_SCHEMAS: Json = {
    "Services": _object(services=_list_of(_schema("Service"))),
    "Service": _object(
        slug=_SLUG,
        name=_TEXT,
        status={"type": "string", "enum": [ServiceStatus.ACTIVE.value, ServiceStatus.COMING_SOON.value]},
        summary=_TEXT,
        opens_on=_or_null({"type": "string", "format": "date"}, "The planned day, where the clinic has set one."),
        page_url={**_URL, "description": "The service's page, for people."},
        types=_list_of(_schema("Type")),
    ),
    "Type": _object(
        slug=_SLUG,
        name=_TEXT,
        summary=_TEXT,
        kind={"type": "string", "enum": [each.value for each in Kind]},
        mode={"type": "string", "enum": [each.value for each in Mode]},
        who_may_book={"type": "string", "enum": [each.value for each in WhoMayBook]},
        length_minutes=_or_null({"type": "integer", "minimum": 1}, "Null until it is announced."),
        price_cents=_or_null(
            {"type": "integer", "minimum": 0}, "Australian cents, GST included; null until it is announced."
        ),
        book_url=_or_null(_URL, "Where people choose a time; null while the type cannot be booked."),
        times_url=_or_null(_URL, "Its free times; null while the type cannot be booked."),
    ),
    "Times": _object(
        type=_SLUG,
        zone={"type": "string", "description": "The clinic's IANA zone, such as Australia/Sydney; days are its days."},
        days={**_list_of(_schema("Day")), "description": "Every day that was asked for, also those without a time."},
    ),
    "Day": _object(date={"type": "string", "format": "date"}, times=_list_of(_schema("Time"))),
    "Time": _object(
        starts_at={"type": "string", "format": "date-time", "description": "With the zone's offset at that instant."},
        practitioner={"type": "string", "description": "The slug of whoever is free then."},
    ),
    "Problem": {
        "type": "object",
        "description": "RFC 9457",
        "properties": {
            "type": {"type": "string", "const": "about:blank"},
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What is wrong, in a sentence."},
            "errors": _list_of(_object(parameter=_TEXT, detail=_TEXT)),
        },
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": False,
    },
}

_SERVICES: Json = {
    "operationId": "services",
    "summary": "The services on show and their appointment types, in the clinic's order",
    "responses": _answers(_schema("Services")),
}

_TIMES: Json = {
    "operationId": "times",
    "summary": "The free times of an appointment type",
    "parameters": [
        {"name": "type_slug", "in": "path", "required": True, "schema": _SLUG},
        {
            "name": "from",
            "in": "query",
            "description": "The first day; today unless given.",
            "schema": {"type": "string", "format": "date"},
        },
        {
            "name": "days",
            "in": "query",
            "description": "How many days.",
            "schema": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": USUAL_DAYS},
        },
        {
            "name": "practitioner",
            "in": "query",
            "description": "Only times with this practitioner.",
            "schema": _SLUG,
        },
    ],
    "responses": _answers(_schema("Times"), 404),
}

_DESCRIPTION: Json = {
    "operationId": "description",
    "summary": "This description",
    "responses": _answers({"type": "object"}),
}

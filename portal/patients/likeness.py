"""When two people may be one: the rule by which the desk is asked."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, func, or_

from portal.patients.contact import Contact
from portal.patients.models import Patient


def rules(one: type[Patient], other: type[Patient] | Contact) -> list[ColumnElement[bool]]:
    """The same birth date with a name, e-mail or phone in common, or the same given name with e-mail or phone, as after
    a wedding or a slip in the date. One of the rules is enough.

    They come apart because each begins with an equality: whoever compares all with all asks them one by one.
    """
    family, given = _alike(one.family_name, other.family_name), _alike(one.given_name, other.given_name)
    email, mobile = _alike(one.email, other.email), one.mobile == other.mobile
    return [
        and_(one.born_on == other.born_on, or_(family, given, email, mobile)),
        and_(given, email),
        and_(given, mobile),
    ]


def _alike(one: object, other: object) -> ColumnElement[bool]:
    return func.lower(one) == func.lower(other)

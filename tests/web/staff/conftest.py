"""The back office to work in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from portal.staff.access import Role
from tests.support.staff import signed_in
from tests.support.visitor import Visitor


@pytest.fixture
def as_role(app: Flask, ctx: None) -> Callable[..., Visitor]:
    """A browser with somebody signed in: as_role(Role.RECEPTION), or as_role(Role.PRACTITIONER, practitioner=…)."""

    def sign_in(*roles: object, **who: object) -> Visitor:
        return signed_in(app, *roles, **who)  # type: ignore[arg-type]

    return sign_in


@pytest.fixture
def milo(as_role: Callable[..., Visitor]) -> Visitor:
    """He manages the clinic."""
    return as_role(Role.MANAGER)


@pytest.fixture
def pia(as_role: Callable[..., Visitor]) -> Visitor:
    """She is at the front desk."""
    return as_role(Role.RECEPTION)

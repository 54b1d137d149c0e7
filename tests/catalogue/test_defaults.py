"""What the clinic's own ids tell about an appointment type."""

from __future__ import annotations

import pytest

from portal.catalogue.defaults import in_words, kind_of, mode_of
from portal.catalogue.document import read_document
from portal.catalogue.models import Kind, Mode
from tests.catalogue.seeds import packaged


@pytest.mark.parametrize(
    ("slug", "words"),
    [
        ("followup-alternative-30min", "Follow-up alternative, 30 minutes"),
        ("initial-inperson-20min", "Initial in person, 20 minutes"),
        ("initial-weight-tbd", "Initial weight"),
        ("alternative-medicine", "Alternative medicine"),
    ],
)
def test_an_id_reads_as_words(slug: str, words: str) -> None:
    assert in_words(slug) == words


def test_ids_tell_kind_and_mode() -> None:
    assert kind_of("initial-consult-free") == Kind.CONSULT
    assert (kind_of("followup-inperson-15min"), mode_of("followup-inperson-15min")) == (Kind.FOLLOW_UP, Mode.IN_PERSON)
    assert (kind_of("initial-gaps-60min"), mode_of("initial-gaps-60min")) == (Kind.INITIAL, Mode.TELEHEALTH)


def test_the_packaged_catalogue_agrees_with_its_ids() -> None:
    types = list(read_document(packaged()).types)
    assert types
    for each in types:
        assert (each.values["kind"], each.values["mode"]) == (kind_of(each.slug), mode_of(each.slug))

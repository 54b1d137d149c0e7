"""Two people's changes of one catalogue, field by field."""

from __future__ import annotations

import copy
from typing import Any

from portal.catalogue.merge import NOTHING, Change, Conflict, Side, difference, find, merge

FIRST, LATER = {"type": "first", "name": "First visit", "price": 119}, {"type": "later", "name": "Later", "price": 79}
BASE: dict[str, Any] = {
    "services": [{"id": "gaps", "name": "GAPS", "summary": "Eating.", "appointments": [FIRST, LATER]}],
    "forms": [
        {"id": "call", "definition": {"sections": [{"id": "s", "questions": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}]}}
    ],
}
PRICE = ("services", "gaps", "appointments", "first", "price")


def changed(**services: Any) -> dict[str, Any]:
    """The base with other values for the service."""
    document = copy.deepcopy(BASE)
    document["services"][0].update(services)
    return document


def with_price(dollars: int) -> dict[str, Any]:
    return changed(appointments=[{**FIRST, "price": dollars}, LATER])


def questions(document: dict[str, Any]) -> list[Any]:
    found: list[Any] = document["forms"][0]["definition"]["sections"][0]["questions"]
    return found


def test_both_sides_changes_survive() -> None:
    merged, conflicts = merge(BASE, with_price(129), changed(summary="Eating well."))

    assert conflicts == []
    assert find(merged, PRICE) == 129
    assert find(merged, ("services", "gaps", "summary")) == "Eating well."


def test_what_both_have_changed_alike_is_no_contradiction() -> None:
    assert merge(BASE, with_price(129), with_price(129)) == (with_price(129), [])


def test_a_field_changed_differently_is_told_with_all_its_values_and_reads_as_mine() -> None:
    merged, conflicts = merge(BASE, with_price(129), with_price(139))

    assert conflicts == [Conflict(PRICE, 119, 129, 139)]
    assert find(merged, PRICE) == 129


def test_whoever_settles_a_contradiction_gets_what_they_chose() -> None:
    for side, dollars in ((Side.MINE, 129), (Side.THEIRS, 139)):
        merged, conflicts = merge(BASE, with_price(129), with_price(139), {PRICE: side})
        assert (find(merged, PRICE), conflicts) == (dollars, [])


def test_types_added_by_both_stand_beside_each_other() -> None:
    mine = changed(appointments=[FIRST, LATER, {"type": "mine", "price": 1}])
    theirs = changed(appointments=[FIRST, LATER, {"type": "theirs", "price": 2}])

    merged, conflicts = merge(BASE, mine, theirs)

    assert conflicts == []
    assert {each["type"] for each in merged["services"][0]["appointments"]} == {"first", "later", "mine", "theirs"}


def test_what_one_side_takes_away_goes_and_what_the_other_has_changed_of_it_is_told() -> None:
    gone = changed(appointments=[FIRST])

    assert merge(BASE, gone, BASE) == (gone, [])
    touched = changed(appointments=[FIRST, {**LATER, "price": 89}])
    [conflict] = merge(BASE, gone, touched)[1]
    assert (conflict.mine, conflict.theirs) == (NOTHING, {**LATER, "price": 89})


def test_one_side_reorders_while_the_other_adds() -> None:
    mine, theirs = copy.deepcopy(BASE), copy.deepcopy(BASE)
    questions(mine).reverse()
    questions(theirs).append({"id": "d"})

    for merged, conflicts in (merge(BASE, mine, theirs), merge(BASE, theirs, mine)):
        assert conflicts == []
        assert [each["id"] for each in questions(merged)] == ["c", "b", "a", "d"]


def test_a_merge_leaves_its_parts_alone() -> None:
    mine, theirs = with_price(129), changed(summary="Eating well.")
    merged, _ = merge(BASE, mine, theirs)
    merged["services"][0]["appointments"][0]["price"] = 1

    assert (mine, theirs) == (with_price(129), changed(summary="Eating well."))


def test_a_difference_names_each_field_with_both_values() -> None:
    assert difference(BASE, with_price(129)) == [Change(PRICE, 119, 129)]
    assert difference(BASE, BASE) == []


def test_a_new_entry_is_one_difference() -> None:
    new = {"id": "equine", "name": "Equine", "appointments": []}
    after = {**BASE, "services": [*BASE["services"], new]}

    assert difference(BASE, after) == [Change(("services", "equine"), NOTHING, new)]
    assert difference(after, BASE) == [Change(("services", "equine"), new, NOTHING)]


def test_another_order_of_questions_is_a_difference_and_of_types_is_none() -> None:
    after = copy.deepcopy(BASE)
    questions(after).reverse()
    after["services"][0]["appointments"].reverse()

    [change] = difference(BASE, after)
    assert (change.path[-1], change.before, change.after) == ("order", ["a", "b", "c"], ["c", "b", "a"])

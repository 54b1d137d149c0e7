"""The knobs of the outside systems as people turn them on the start page: what each does and what may be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.sandbox.core import Json, Sandbox
from portal.sandbox.entra.keys import SIGNERS

MOST = 10_000_000


class NotAChoice(ValueError):
    """What was sent is nothing this switch can be set to."""


@dataclass(frozen=True)
class Switch:
    """A number from `least` up unless it has `choices` (what is sent -> its value and words) or names mailboxes."""

    label: str
    hint: str = ""
    least: float = 0
    choices: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    names_mailboxes: bool = False

    def read(self, raw: str) -> Any:
        """The value behind a field of the form. Raises NotAChoice."""
        if self.choices:
            if raw not in self.choices:
                raise NotAChoice(f"{self.label}: choose one of {', '.join(self.choices)}.")
            return self.choices[raw][0]
        if self.names_mailboxes:
            return [name.strip() for name in raw.split(",") if name.strip()] or None
        try:
            number = float(raw)
        except ValueError:
            raise NotAChoice(f"{self.label} must be a number.") from None
        if not self.least <= number <= MOST:  # also refuses nan
            raise NotAChoice(f"{self.label} must be at least {self.least:g}.")
        return int(number) if number.is_integer() else number

    def written(self, value: Any) -> str:
        """The field's content that stands for a value; "" for one that no choice has and only /_emu/knobs can set."""
        if self.names_mailboxes:
            return ", ".join(value or ())
        if self.choices:
            return next((sent for sent, (one, _) in self.choices.items() if one == value), "")
        return str(int(value) if isinstance(value, float) and value.is_integer() else value)


YES_NO = {"no": (False, "no"), "yes": (True, "yes")}
SWITCHES: dict[str, dict[str, Switch]] = {
    "stripe": {
        "latency_seconds": Switch("Each call takes longer by", "seconds; its idempotency key is in use meanwhile"),
        "remembered_failures": Switch("So many new requests fail", "with a 500 that their idempotency key remembers"),
        "refunds_stay_pending": Switch("New refunds stay pending", "until you say that they arrive", choices=YES_NO),
        "should_retry": Switch(
            "Errors ask for another try",
            "the Stripe-Should-Retry header",
            choices={"unsaid": (None, "do not say"), "true": ("true", "yes"), "false": ("false", "no")},
        ),
    },
    "graph": {
        "notification_delay_seconds": Switch("Notifications come after", "seconds"),
        "transaction_repeat": Switch(
            "A create that is sent twice answers",
            choices={"400": (400, "400"), "409": (409, "409"), "201": (201, "201, with the first event")},
        ),
        "allowed_mailboxes": Switch(
            "Only these mailboxes may be opened",
            "addresses or ids with commas between; the others answer 403; empty for all",
            names_mailboxes=True,
        ),
        "max_concurrent_calls": Switch("Calls at once in one mailbox", "more of them answer 429", least=1),
        "latency_seconds": Switch("Each call takes longer by", "seconds"),
        "delta_replay": Switch("A delta round repeats a row", choices=YES_NO),
        "mails_per_minute": Switch("Mails a minute from one mailbox", "more of them answer 429; 0 for no limit"),
    },
    "entra": {
        "token_seconds": Switch("A new token lives for", "seconds"),
        "code_seconds": Switch("A sign-in code lives for", "seconds"),
        "id_token_changes": Switch(
            "A new id token",
            choices={
                "right": ({}, "is right"),
                "expired": ({"exp": 1_600_000_000}, "has run out"),
                "tenant": ({"tid": "11111111-1111-4111-8111-111111111111"}, "is of another tenant"),
                "one-factor": ({"acrs": None}, "names no second factor"),
            },
        ),
        "id_token_signer": Switch(
            "It is signed by",
            "only the tenant's is worth anything",
            choices={signer: (signer, signer) for signer in SIGNERS},
        ),
    },
    "medirecords": {
        "AUTH_MODE": Switch(
            "The fixed tokens",
            "as after they ran out or were taken away",
            choices={"static": ("static", "work"), "oauth": ("oauth", "are refused with 401")},
        ),
        "CONFLICT_STATUS": Switch("A time that is taken answers", choices={"409": (409, "409"), "400": (400, "400")}),
        "DOUBLE_BOOKING_DEFAULT": Switch("Double bookings unless forbidden", choices=YES_NO),
        "GENDER_ORDER": Switch(
            "Gender codes", choices={"mf": ("mf", "1 male, 2 female"), "fm": ("fm", "1 female, 2 male")}
        ),
        "SEARCH_LAG_SECONDS": Switch("Lists show what is new after", "seconds"),
        "LINK_DELAY": Switch("Reads without the video link", "how many of them, after a booking"),
        "MAX_PAGE_SIZE": Switch("Rows on one page, at most", least=1),
    },
}


def shown(sandbox: Sandbox, system: str) -> list[Json]:
    """The switches of a system as the page shows them."""
    usual = sandbox.systems[system].knobs
    return [
        {
            "name": name,
            "switch": switch,
            "value": switch.written(sandbox.knob(system, name)),
            "is_turned": sandbox.knob(system, name) != usual[name],
        }
        for name, switch in SWITCHES[system].items()
    ]


def turn(sandbox: Sandbox, system: str, sent: Mapping[str, str]) -> None:
    """Set what was sent, all of it or nothing. Raises NotAChoice, and KeyError for a system without switches."""
    values = {
        name: switch.read(sent[name])
        for name, switch in SWITCHES[system].items()
        if name in sent and not (switch.choices and sent[name] == "")
    }
    for name, value in values.items():
        sandbox.set_knob(system, name, value)


def turn_back(sandbox: Sandbox) -> None:
    """Every switch as it is when the sandbox starts."""
    for system in sandbox.systems.values():
        for name, usual in system.knobs.items():
            sandbox.set_knob(system.name, name, usual)

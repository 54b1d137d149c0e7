"""`flask medirecords checklist`: what somebody has to create there by hand."""

from __future__ import annotations

from flask import Flask

from tests.cli.commands import run


def test_the_checklist_names_what_to_create_in_medirecords(app: Flask) -> None:
    run(app, "catalogue", "load")

    assert run(app, "medirecords", "checklist").output == (
        "Appointment types, named exactly like this\n"
        "  [ ] CONSULT_ALT_30 (telehealth for the clinic to decide: video and clinic visits share it), used by"
        " initial-alternative-15min, followup-alternative-10min, followup-inperson-15min, followup-alternative-30min\n"
        "  [ ] CONSULT_ALT_45 (telehealth off), used by initial-inperson-20min\n"
        "  [ ] CONSULT_GAPS_45 (telehealth on), used by followup-gaps-15min\n"
        "  [ ] CONSULT_GAPS_60 (telehealth on), used by initial-gaps-60min\n"
        "  [ ] CONSULT_WEIGHT_15 (telehealth on), used by initial-weight-tbd\n"
        "  [ ] CONSULT_WEIGHT_45 (telehealth on), used by followup-weight-45min\n"
        "Appointment intervals\n"
        "  [ ] 10 minutes\n"
        "  [ ] 15 minutes\n"
        "  [ ] 20 minutes\n"
        "  [ ] 30 minutes\n"
        "  [ ] 45 minutes\n"
        "  [ ] 60 minutes\n"
        "Billing items of the private fee schedule, fees with GST\n"
        "  [ ] CONSULT_ALT_30: $69.00 or $79.00 or $119.00\n"
        "  [ ] CONSULT_ALT_45: $119.00\n"
        "  [ ] CONSULT_GAPS_45: $79.00\n"
        "  [ ] CONSULT_GAPS_60: $195.00\n"
        "  [ ] CONSULT_WEIGHT_15: fee to be announced\n"
        "  [ ] CONSULT_WEIGHT_45: $89.00\n"
    )

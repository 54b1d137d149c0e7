"""What README and docs say about the tree is true: paths, commands, tables, secrets, and the boxes of the seed."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

import portal
from portal import cli
from portal.config import Settings
from portal.db import Base

PROJECT = Path(__file__).parents[1]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
# The flowchart of the clinic's architecture note, in its order.
_BOXES = """
User Webflow ServiceRouter ServiceGrid ServiceFunnel BookingPortal ServiceDB ServiceList ActiveServices
InactiveServices ServiceDetails WaitlistForm CalendlyConfig ConsultantCal ServiceCalendars AltMedCal GAPSCal WeightCal
FreeConsult AltTypes AltInitial15 AltFollow10 InPersonInitial20 InPersonFollow15 GAPSTypes GAPSInitial60 GAPSFollow15
WeightTypes WeightTBD NoPaymentFlow PaymentGateway PriceMatrix Price119 Price79 Price119_2 Price79_2 Price195 Price79_3
PriceTBD CreateEvent O365Integration EventDetails ServiceType Duration Practitioner Price MSGraphWebhook AWSGateway
LambdaRouter ServiceProcessor AltMedProcessor GAPSProcessor WeightProcessor WaitlistProcessor MediAPI AppointmentCreate
SetType SetDuration SetBilling AssignCalendar TypeMapping MediAlt30 MediAlt45 MediGAPS45 MediGAPS60 MediWeight45
MediWeight15 FormSelection MiniIntakeForm ServiceIntakeForm MedicalHistory NutritionAssessment WeightLifestyle
WaitlistCapture WaitlistDB EmailAutomation WaitlistCampaign ReportingEngine ServiceMetrics Revenue Utilization
Conversion PatientFlow
"""

FOLDERS = "|".join(["portal", "tests", "docs", "templates", "static", "migrations", r"\.ci"])
PATH = re.compile(rf"(?<![\w/.-])(?:{FOLDERS})/[\w./-]*")
MODULE = re.compile(r"(?<![\w/.-])\w+\.py\b")
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))


@each_page
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    named = {path.rstrip("./") for path in PATH.findall(page.read_text())}
    assert sorted(path for path in named if not (PROJECT / path).exists()) == []


@each_page
def test_every_module_that_a_page_names_without_its_folder_is_there(page: Path) -> None:
    known = {path.name for path in [*PROJECT.glob("*.py"), *(PROJECT / "portal").rglob("*.py")]}
    assert set(MODULE.findall(page.read_text())) <= known


@each_page
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    inside = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@each_page
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    groups = {group.name: set(group.commands) for group in cli.GROUPS}
    named = re.findall(r"flask (\w+) ([a-z-]+)", page.read_text())
    ours = {(group, command) for group, command in named if group not in ("db", "shell")}
    assert [one for one in sorted(ours) if one[1] not in groups.get(one[0], ())] == []


def test_every_make_word_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = {word for page in PAGES for word in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE)}
    assert {"run", "test", "demo"} <= named
    assert named <= targets


def test_the_seed_map_says_what_became_of_each_box_and_which_test_holds_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|$", (PROJECT / "docs/seed-map.md").read_text(), re.MULTILINE)
    assert sorted(box for box, _ in rows) == sorted(_BOXES.split())
    for box, cells in rows:
        _, here, test = (cell.strip() for cell in cells.split("|"))
        assert here, box
        assert test == "later" or re.fullmatch(r"`tests/[\w/]+\.py`", test), box


def test_every_table_has_a_data_class() -> None:
    for models in Path(portal.__file__).parent.glob("*/models.py"):
        import_module(f"portal.{models.parent.name}.models")
    told = (PROJECT / "docs/data-classes.md").read_text()
    assert [table for table in Base.metadata.tables if f"`{table}`" not in told] == []


def test_every_secret_has_a_rotation() -> None:
    told = (PROJECT / "docs/runbooks/secrets-rotation.md").read_text()
    secrets = [field.name.upper() for field in fields(Settings) if not field.repr]
    assert [secret for secret in secrets if f"`{secret}`" not in told] == []

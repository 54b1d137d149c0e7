"""Who may import whom. When this fails, move the code; the style guide tells how to reach to the right: post an event
and name the job in portal/reactions.py."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

# Left to right, a line imports only from lines above it. The ground's parts may use each other; the others on one
# line may not.
LAYERS = (
    "db changes clock money config reactions vault clinic words logs markdown crash keep",
    "integrations",
    "outbox",
    "sessions clients",
    "staff patients catalogue",
    "scheduling",
    "bookings",
    "payments intake waitlist sync",
    "notices",
    "analytics",
    "web",
    "demo_clinic",
    "cli",
    "portal worker wsgi",  # `portal` is create_app, which puts everything together
)
RANK = {part: rank for rank, line in enumerate(LAYERS) for part in line.split()}

# They stand outside: the sandbox is somebody else's system, and the local runner starts processes.
OUTSIDE = {"sandbox": {"sandbox"}, "local": {"local", "config"}, "demo": {"demo", "local", "config"}}

DOMAIN = {
    part for line in LAYERS[LAYERS.index("staff patients catalogue") : LAYERS.index("web")] for part in line.split()
}

# Calling out belongs into jobs, where it is retried. These are the exceptions.
MAY_CALL_OUT = {
    "portal.clients",
    "portal.outbox.run",  # tells Transient from Permanent
    "portal.payments.checkout",  # somebody waits for Stripe's page
    "portal.payments.reconcile",  # compares with Stripe from a worker, like a job
    "portal.payments.refunds",  # reads what Stripe said, calls nobody
    "portal.payments.settle",  # likewise
    "portal.payments.stripe_events",  # likewise
    "portal.web.hooks",  # signatures
    "portal.web.staff.sign_in",  # somebody waits for Microsoft's answer
    "portal.staff.access",
    "portal",
    "worker",
}


@dataclass(frozen=True)
class Import:
    """One import of our own code, or of a library, by one of our modules."""

    module: str
    name: str
    line: int

    @property
    def part(self) -> str:
        return _part(self.module)

    @property
    def target(self) -> str:
        return _part(self.name)

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.name}"


def _part(module: str) -> str:
    names = module.split(".")
    if names[0] != "portal" or len(names) == 1:
        return names[0]
    is_module = (PROJECT / "portal" / names[1]).is_dir() or (PROJECT / "portal" / f"{names[1]}.py").exists()
    return names[1] if is_module else "portal"


def _imports() -> Iterator[Import]:
    for path in [*sorted((PROJECT / "portal").rglob("*.py")), PROJECT / "worker.py", PROJECT / "wsgi.py"]:
        module = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (Import(module, alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module}:{node.lineno}: write the whole name of what you import"
                yield from (Import(module, f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


IMPORTS = list(_imports())
OURS = [one for one in IMPORTS if one.name.split(".")[0] == "portal" and one.part != one.target]


def listed(broken: list[Import]) -> str:
    return "\n".join(map(str, broken))


def test_every_part_has_its_place() -> None:
    found = {path.stem for path in (PROJECT / "portal").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert found - {"__init__", "__pycache__"} <= set(RANK) | set(OUTSIDE)


def test_imports_go_from_right_to_left() -> None:
    inside = [one for one in OURS if one.part in RANK]
    broken = [one for one in inside if one.target not in RANK or not _is_left(one.target, one.part)]
    assert not broken, listed(broken)
    assert len(inside) > 100


def _is_left(target: str, part: str) -> bool:
    return (
        RANK[target] < RANK[part]
        or RANK[target] == RANK[part] == 0
        or (part in ("worker", "wsgi") and target == "portal")
    )


@pytest.mark.parametrize("part", OUTSIDE)
def test_what_stands_outside_uses_nothing_of_the_inside(part: str) -> None:
    broken = [one for one in OURS if one.part == part and one.target not in OUTSIDE[part]]
    assert not broken, listed(broken)


def test_the_domain_knows_nothing_of_flask() -> None:
    web = {"flask", "flask_wtf", "flask_limiter", "werkzeug", "htmx_flask", "gunicorn"}
    broken = [one for one in IMPORTS if one.part in DOMAIN and one.name.split(".")[0] in web]
    assert not broken, listed(broken)


def test_only_jobs_and_a_few_named_modules_call_out() -> None:
    reaching = [one for one in OURS if one.target in ("integrations", "clients")]
    broken = [one for one in reaching if not _may_call_out(one)]
    assert not broken, listed(broken)
    assert reaching


def _may_call_out(one: Import) -> bool:
    is_job = one.part in DOMAIN and one.module == f"portal.{one.part}.jobs"
    return is_job or one.part == "sync" or one.module in MAY_CALL_OUT


def test_only_config_reads_the_environment() -> None:
    readers = {
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "portal").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    # The runner and the sandbox are processes of their own, which hand it on.
    assert readers <= {
        "portal/config.py",
        "portal/sandbox/__main__.py",
        "portal/local/__main__.py",
        "portal/local/clinic.py",
    }


def test_create_app_imports_nothing_before_it_is_called() -> None:
    """The sandbox starts without a database, and it lives in the same package."""
    tree = ast.parse((PROJECT / "portal" / "__init__.py").read_text())
    at_once = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {node.module for node in at_once if isinstance(node, ast.ImportFrom)} <= {"__future__", "typing"}
    assert not [node for node in at_once if isinstance(node, ast.Import)]

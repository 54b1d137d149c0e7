"""What is written to the log: fields from a list, where something failed, and never what anybody typed."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from portal import logs

CANARY = "Wilhelmina Featherstone"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log's own handler writes, as it would reach standard error."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    logs.configure("INFO")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    handler.setStream(stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_that_says_when_where_and_how_bad(written: io.StringIO) -> None:
    structlog.get_logger("tests").warning("thing.happened", system="graph", status=503)
    (line,) = lines(written)
    assert {name: line[name] for name in ("event", "level", "logger", "system", "status")} == {
        "event": "thing.happened",
        "level": "warning",
        "logger": "tests",
        "system": "graph",
        "status": 503,
    }
    assert line["timestamp"].endswith("Z")


def test_a_field_that_is_not_on_the_list_is_not_written(written: io.StringIO) -> None:
    structlog.get_logger("tests").info("thing.happened", patient=CANARY, email=CANARY, booking="BK-7F3K2Q")
    assert CANARY not in written.getvalue()
    assert lines(written)[0]["booking"] == "BK-7F3K2Q"


def test_the_request_id_goes_along_also_beside_a_partners_own(written: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="ours", somebody=CANARY)
    structlog.get_logger("tests").info("partner.call", partner_request_id="theirs")
    (line,) = lines(written)
    assert (line["request_id"], line["partner_request_id"]) == ("ours", "theirs")
    assert CANARY not in written.getvalue()


def fail() -> None:
    raise ValueError(f"could not read {CANARY}")


def test_a_failure_tells_its_type_and_the_lines_it_came_through_and_not_its_text(written: io.StringIO) -> None:
    log = structlog.get_logger("tests")
    try:
        fail()
    except ValueError as error:
        log.exception("thing.failed")
        log.error("thing.failed", exc_info=error)
    assert CANARY not in written.getvalue()
    told = lines(written)
    assert len(told) == 2
    for line in told:
        assert line["error"] == "ValueError"
        assert [frame.split(":")[0] for frame in line["frames"]] == ["test_logs.py", "test_logs.py"]
        assert line["frames"][-1].endswith(":fail")
        assert "Traceback" not in str(line)


def test_an_error_named_by_the_caller_stands(written: io.StringIO) -> None:
    structlog.get_logger("tests").error("thing.failed", error="OperationalError")
    assert lines(written)[0]["error"] == "OperationalError"


@pytest.mark.parametrize("name", ["urllib3.connectionpool", "rq.worker", "somebody.else", "portal.made.by.hand"])
def test_of_a_librarys_own_line_only_who_and_where_is_kept(written: io.StringIO, name: str) -> None:
    library = logging.getLogger(name)
    try:
        fail()
    except ValueError:
        library.exception("Retrying %s", f"/v1/patients/exist?email={CANARY}")
        library.warning(f"Retrying {CANARY}")
    assert CANARY not in written.getvalue()
    assert "email" not in written.getvalue()
    failed, retried = lines(written)
    assert (failed["logger"], failed["level"], failed["error"]) == (name, "error", "ValueError")
    assert (retried["event"], "error" in retried) == ("library.said", False)
    assert retried["frames"][0].startswith("test_logs.py:")


def test_chatter_of_libraries_is_left_out(written: io.StringIO) -> None:
    for name in ("rq.worker", "urllib3", "stripe", "msal", "werkzeug"):
        logging.getLogger(name).info("so and so")
    assert lines(written) == []


def test_what_a_migration_has_to_say_is_told(written: io.StringIO) -> None:
    logging.getLogger("flask_migrate").error("Error: Can't locate revision identified by '0042'")
    assert lines(written)[0]["event"].startswith("Error: Can't locate revision")


def test_the_level_is_kept(written: io.StringIO) -> None:
    structlog.get_logger("tests").debug("thing.looked_at")
    assert lines(written) == []

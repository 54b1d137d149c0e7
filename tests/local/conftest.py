"""Folders for whole instances."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def instance_dir() -> Iterator[Path]:
    """Not below pytest's own folder: it takes from others the right to pass, which Postgres as root needs."""
    folder = Path(tempfile.mkdtemp(prefix="portal-instance-")).resolve()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)

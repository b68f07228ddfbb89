"""What tests of the machinery share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyinfra.context import ctx_config


@pytest.fixture
def no_file_is_read() -> Iterator[None]:
    """No configuration but that of the run is in effect."""
    before = ctx_config.get()
    ctx_config.reset()
    yield
    ctx_config.set(before)

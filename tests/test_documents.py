"""The documents say what the data says that parts of them are made of."""

from __future__ import annotations

import pytest

from .documents import DOCUMENTS, stale


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_is_up_to_date(document: str) -> None:
    assert document not in [*stale()], f"{document} is stale: type `make docs`"

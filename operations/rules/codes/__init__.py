"""Every code that a finding can have, with what it means and what to do. No I/O.

docs/findings.md lists them; `make docs` writes that list anew.
"""

from __future__ import annotations

from .migration import MIGRATION_GROUPS
from .row import MOMENTS, Group, Row
from .update import UPDATE_GROUPS

__all__ = ["GROUPS", "KNOWN", "MOMENTS", "Group", "Row"]

GROUPS = (*UPDATE_GROUPS, *MIGRATION_GROUPS)

KNOWN = {row.code: row for group in GROUPS for row in group.rows}

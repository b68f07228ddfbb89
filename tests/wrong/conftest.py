"""The labs of tests/lab, for wrong procedures as well."""

from ..lab.conftest import start_fresh_site, start_site

__all__ = ["start_fresh_site", "start_site"]

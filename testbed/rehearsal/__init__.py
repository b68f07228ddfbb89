"""Rehearsals: the update and the migration, run on a lab and judged."""

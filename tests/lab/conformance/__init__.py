"""Conformance: to all that the procedure asks, the simulation answers as a lab does."""

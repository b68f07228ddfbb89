"""Thousands of updates that go wrong, on simulated clusters, each judged, and told by a number."""

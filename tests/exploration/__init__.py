"""Exploration: what was found by it stays mended, and a part of it runs with the tests."""

"""dmg, the administrator's tool, and its dialect of release 1.0."""

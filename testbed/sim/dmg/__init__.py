"""dmg, the administrator's tool, and its dialects."""

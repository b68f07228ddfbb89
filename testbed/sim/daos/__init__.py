"""daos, the user's tool, and its dialects."""

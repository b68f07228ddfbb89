"""daos_engine and what it keeps on its node's disk."""

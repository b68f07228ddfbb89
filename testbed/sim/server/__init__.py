"""daos_server: its engines, and its part in the management service."""

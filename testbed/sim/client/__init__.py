"""What runs on clients: libdaos, daos_agent, dfuse and an application."""

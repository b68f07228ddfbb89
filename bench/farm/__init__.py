"""The coordinator alone: a farm of simulated nodes, each behind an SSH connection on loopback."""

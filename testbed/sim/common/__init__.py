"""What all simulated programs share: configuration, releases, events, faults, command lines."""

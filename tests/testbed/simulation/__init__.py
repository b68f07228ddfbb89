"""The parts of the simulation, each alone, without pyinfra."""

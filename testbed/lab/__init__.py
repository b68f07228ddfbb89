"""A lab: containers, networks and files of a small DAOS system."""

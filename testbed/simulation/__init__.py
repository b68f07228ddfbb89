"""A cluster in this process: nodes that answer the commands of the deploy code, in virtual time."""

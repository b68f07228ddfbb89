"""A simulated DAOS: the programs of the lab's packages, thin fronts of one model (server.model)."""

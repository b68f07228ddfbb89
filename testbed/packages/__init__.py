"""The RPMs of the simulated DAOS and the signed repository that serves them."""

"""The parallel copier of a lab's clients: dcp, and how its processes talk to MPICH's mpirun."""

"""How files are copied out of DAOS and back: who copies, by which jobs, over which mounts."""

"""DAOS's errors: their numbers, and texts that several programs have."""

DER_EXIST = -1004
DER_NONEXIST = -1005
DER_BUSY = -1012
DER_MISC = -1025

NO_ENGINE = "DAOS I/O Engine instance not started or not responding on dRPC"
NO_ENTITY = f"DER_NONEXIST({DER_NONEXIST}): The specified entity does not exist"

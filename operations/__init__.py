"""The operations of an offline DAOS update, one file a subject; deploy.py puts them in order."""

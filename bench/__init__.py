"""The performance figures: `make bench`."""

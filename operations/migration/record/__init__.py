"""What a migration remembers, and what it says of itself."""

"""The offline window: of this project and of other ways to do the same."""

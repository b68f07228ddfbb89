"""What goes wrong in a lab."""


class LabError(RuntimeError):
    """Something in the lab went wrong; the text says on which node, what, and shows its log."""

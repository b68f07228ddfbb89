"""What must hold: the view of the cluster, findings about it, and the gates. No I/O."""

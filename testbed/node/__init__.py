"""What makes a container a node: the service manager (PID 1), its clients and the node image."""

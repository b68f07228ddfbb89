"""The control protocol: messages, calls, and reaching the management service."""

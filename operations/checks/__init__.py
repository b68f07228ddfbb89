"""What is looked at before anything is touched, one subject a file; `examine` asks them all."""

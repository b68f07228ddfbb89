"""What a run did: its report, its last words, its page."""

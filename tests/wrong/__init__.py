"""Wrong procedures: the deploy code with small edits, and who catches each."""

"""What is asked of who passed: some at a time, who is here now, and as a table."""

"""Pages about what was: who passed, what was changed, and charts of it."""

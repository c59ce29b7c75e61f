"""Commands about cameras that are watched, and about who is told."""

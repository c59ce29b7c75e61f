"""What moves on open pages: events, and pictures of cameras."""

"""What goes on now: who is here, and what cameras see."""

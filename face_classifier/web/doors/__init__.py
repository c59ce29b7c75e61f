"""Who may, and from where."""

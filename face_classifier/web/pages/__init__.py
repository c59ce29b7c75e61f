"""Pages that people look at: a module a page."""

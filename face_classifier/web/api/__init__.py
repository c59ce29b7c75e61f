"""The API of the page, /api/v1."""

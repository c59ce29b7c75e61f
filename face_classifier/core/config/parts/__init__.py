"""The nested parts of the settings."""

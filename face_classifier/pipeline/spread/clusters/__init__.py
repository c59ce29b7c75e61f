"""Engines of other projects that run our tasks."""

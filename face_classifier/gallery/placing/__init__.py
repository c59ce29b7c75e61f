"""Placing much at once: what becomes durable together, how it is taken back, and what was placed already."""

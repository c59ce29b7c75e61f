"""Sorts the faces in videos, webcams and photos into one folder a person."""

__version__ = "0.1.0"

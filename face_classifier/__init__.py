"""Sorts the faces in videos, webcams and photos into one folder a person."""

__version__ = "0.1.0"

import warnings

# face_recognition_models still asks pkg_resources for its files, which warns at import.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)

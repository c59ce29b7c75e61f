"""The table of faces: what the folders cannot say, in one SQLite file."""

from face_classifier.gallery.table.file import DamagedTableError, Table
from face_classifier.gallery.table.row import DELETED, DISCARDED, KEPT, MISSING, SEEN, Row
from face_classifier.gallery.table.rows import Rows

__all__ = ["DELETED", "DISCARDED", "KEPT", "MISSING", "SEEN", "DamagedTableError", "Row", "Rows", "Table"]

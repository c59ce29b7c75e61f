"""What the analysis of a source tells of it, frame after frame: enough to place its faces without its pictures."""

from __future__ import annotations

from dataclasses import dataclass

from face_classifier.core.types import Detection, Face, Frame


@dataclass(frozen=True)
class AnalysedFace:
    """A face in a frame. Boxes are in pixels of the frame's image; its ``scale`` leads to the original."""

    detection: Detection
    track: int  # of this source alone: faces with one number are one face by place and look
    sure: bool  # False: there was a doubt that it is the track's face, and no encoding since then
    face: Face | None  # None: it was only followed
    picture: bytes | None  # PNG of what is kept of it; there is one with each ``face``
    discarded: bool  # it was to be encoded, and is too poor to be kept


@dataclass(frozen=True)
class AnalysedFrame:
    """A frame and the faces in it."""

    frame: Frame  # with `NO_IMAGE` where it comes from a record, or nobody sees it
    faces: tuple[AnalysedFace, ...]  # from left to right

    def without_image(self) -> AnalysedFrame:
        """The same of a frame `without_image`."""
        return AnalysedFrame(self.frame.without_image(), self.faces)

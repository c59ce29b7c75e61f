from face_classifier.records.frames import AnalysedFace, AnalysedFrame

__all__ = ["AnalysedFace", "AnalysedFrame"]

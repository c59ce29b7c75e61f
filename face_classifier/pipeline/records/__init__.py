from face_classifier.pipeline.records.frames import AnalysedFace, AnalysedFrame

__all__ = ["AnalysedFace", "AnalysedFrame"]

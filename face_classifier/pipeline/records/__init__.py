from face_classifier.pipeline.records.frames import NO_IMAGE, AnalysedFace, AnalysedFrame

__all__ = ["NO_IMAGE", "AnalysedFace", "AnalysedFrame"]

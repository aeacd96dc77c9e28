"""Finding faces in photographs, with networks that this project converts."""

from heads.detection.mtcnn import Mtcnn

__all__ = ["Mtcnn"]

"""What a head says of images: a label, a calibrated probability, or that it does not say."""

from heads.prediction.deciding import Prediction
from heads.prediction.predicting import predict
from heads.prediction.wording import describe

__all__ = ["Prediction", "describe", "predict"]

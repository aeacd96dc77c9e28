"""Temperature, threshold and abstention band, against what SciPy, scikit-learn and plain counting find."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

from heads.errors import TrainingError
from heads.training.calibration import calibrate, fit_temperature
from heads.training.options import TrainOptions
from heads.training.selection import log_loss as own_log_loss


def drawn(scale: float = 1.0, faces: int = 500) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    targets = (generator.random(faces) < 0.3).astype(np.float32)
    return ((generator.normal(size=faces) + 1.5 * targets - 0.5) * scale).astype(np.float32), targets


def sigmoid(values: np.ndarray) -> np.ndarray:
    return expit(values.astype(np.float64))


@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
def test_the_temperature_is_that_of_the_lowest_log_loss(scale: float) -> None:
    logits, targets = drawn(scale)
    temperature, reason = fit_temperature(logits, targets)
    oracle = minimize_scalar(
        lambda exponent: log_loss(targets, sigmoid(logits / np.exp(exponent))), bounds=(-9, 9), method="bounded"
    )
    assert not reason
    assert temperature == pytest.approx(float(np.exp(oracle.x)), rel=1e-3)


@pytest.mark.parametrize(
    ("logits", "message"),
    [([-1.0, 2.0, 3.0], "part the validation faces without an error"), ([1.0, -2.0, -3.0], "or their opposite"),
     ([1.0, np.inf, 2.0], "no finite numbers")],
)  # fmt: skip
def test_where_no_temperature_fits_best_it_stays_one_and_says_why(logits: list[float], message: str) -> None:
    found, told, warnings = calibrate(np.array(logits), np.array([0.0, 1.0, 1.0]), TrainOptions())
    assert found.temperature == 1
    assert message in warnings[0] and message in told["temperature"]


def test_log_loss_is_that_of_scikit_learn_and_never_infinite() -> None:
    logits, targets = drawn()
    assert own_log_loss(logits, targets) == pytest.approx(log_loss(targets, sigmoid(logits)), rel=1e-6)
    assert own_log_loss(np.array([-1e4, 1e4]), np.array([1.0, 1.0])) == 5e3


def test_without_a_wish_the_more_probable_label_is_said() -> None:
    found, told, _ = calibrate(*drawn(), TrainOptions())
    assert (found.threshold, found.abstain_from, found.abstain_to) == (0.5, 0.5, 0.5)
    assert told["abstention"] == {"chosen": "none asked for"}


@pytest.mark.parametrize("wanted", ["balanced-accuracy", "f1"])
def test_a_threshold_maximises_what_is_asked_for(wanted: str) -> None:
    measure = {"balanced-accuracy": balanced_accuracy_score, "f1": f1_score}[wanted]
    logits, targets = drawn()
    found, told, _ = calibrate(logits, targets, TrainOptions(threshold=wanted))
    probability = sigmoid(logits / found.temperature)
    best = max(measure(targets, probability >= cut) for cut in (0.0, *probability))
    assert measure(targets, probability >= found.threshold) == pytest.approx(best)
    assert told["threshold"] == f"highest {wanted} on the validation faces: {best:.4f}"


def test_a_stated_threshold_and_band_are_kept() -> None:
    logits, targets = drawn()
    found, told, _ = calibrate(logits, targets, TrainOptions(threshold=0.3, abstain_band=(0.2, 0.6)))
    assert found.threshold == pytest.approx(0.3)
    assert (found.abstain_from, found.abstain_to) == (0.2, 0.6)
    probability = sigmoid(logits / found.temperature)
    outside = (probability <= 0.2) | (probability >= 0.6)
    assert told["abstention"]["outside_fraction"] == outside.mean()
    right = (probability >= 0.3) == (targets > 0)
    assert told["abstention"]["accuracy_outside"] == right[outside].mean()


def test_the_band_is_the_narrowest_that_reaches_the_accuracy() -> None:
    logits, targets = drawn()
    found, told, _ = calibrate(logits, targets, TrainOptions(abstain_accuracy=0.9))
    probability = sigmoid(logits / found.temperature)
    right = (probability >= 0.5) == (targets > 0)

    def accuracy(low: float, high: float) -> float:
        outside = (probability <= low) | (probability >= high)
        return float(right[outside].mean())

    assert right.mean() < 0.9 <= accuracy(found.abstain_from, found.abstain_to)
    assert told["abstention"]["accuracy_outside"] == accuracy(found.abstain_from, found.abstain_to)
    half = np.log(found.abstain_to / (1 - found.abstain_to))
    assert found.abstain_from == pytest.approx(1 - found.abstain_to)
    narrower = [part * half for part in np.linspace(0, 0.99, 50)]
    assert all(accuracy(*sigmoid(np.array([-each, each]))) < 0.9 for each in narrower)


def test_no_band_is_given_where_no_face_is_doubtful() -> None:
    logits, targets = drawn()
    found, told, _ = calibrate(logits, targets, TrainOptions(abstain_accuracy=0.5))
    assert found.abstain_from == found.abstain_to == 0.5 and told["abstention"]["outside_fraction"] == 1


def test_an_accuracy_out_of_reach_is_refused() -> None:
    targets = np.tile([0.0, 1.0], 20)
    with pytest.raises(TrainingError, match="accuracy of 0.9 on 10 or more of the 40 validation faces.*reaches is 0.5"):
        calibrate(np.tile([1.0, 1.0, -2.0, -2.0], 10), targets, TrainOptions(abstain_accuracy=0.9))

"""Who is drawn: the geometry of each person, which stays, and what changes from image to image.

The two labels are "round" and "angular", for the outline of the drawn face. They are shapes and not genders: a sketch
has none, and a head trained on sketches says nothing about people. Each label only shifts what is drawn, by about as
much as people of one label differ, so that no rule tells all of them apart.
"""

from dataclasses import dataclass

import numpy as np

LABELS = ("angular", "round")
TONES = ("ochre", "teal")
# How far apart the labels are, in standard deviations of people of one label; in the second tone they are closer.
SEPARATION = {"ochre": 1.4, "teal": 1.0}
MISLABELLED_FRACTION = 0.03


@dataclass(frozen=True)
class Person:
    """A drawn person; lengths are fractions of the image's width, and 0 stands for the average."""

    name: str
    label: str
    tone: str
    roundness: float
    width: float
    height: float
    eye_distance: float
    eye_size: float
    brow_weight: float
    nose_length: float
    mouth_width: float
    mouth_curve: float
    hair: int
    skin_shade: float
    hair_shade: float


@dataclass(frozen=True)
class Sight:
    """What changes from image to image of one person."""

    light: str
    brightness: float
    light_slope: tuple[float, float]
    turn: float
    tilt_degrees: float
    shift: tuple[float, float]
    zoom: float
    background: tuple[int, int, int]
    stripes: int
    noise: float
    mouth_open: float
    jpeg_quality: int


def person(seed: int, number: int) -> Person:
    """Return the person of this number, always the same one for a seed; labels and tones take turns."""
    random = np.random.default_rng([seed, number])
    label, tone = LABELS[number % 2], TONES[number // 2 % 2]
    drawn_as = -1.0 if label == "angular" else 1.0
    if random.random() < MISLABELLED_FRACTION:
        drawn_as = -drawn_as
    cue = random.normal(SEPARATION[tone] * drawn_as, 1.0, 4)
    free = np.clip(random.normal(0, 1, 8), -2, 2)
    return Person(
        name=f"p{number:05}",
        label=label,
        tone=tone,
        roundness=float(cue[0]),
        width=0.30 + 0.010 * float(cue[1]) + 0.015 * free[0],
        height=0.38 + 0.020 * free[1],
        eye_distance=0.130 + 0.010 * free[2],
        eye_size=0.040 + 0.005 * free[3],
        brow_weight=float(np.clip(0.026 - 0.009 * cue[2], 0.006, 0.06)),
        nose_length=0.12 + 0.015 * free[4],
        mouth_width=0.10 + 0.012 * free[5],
        mouth_curve=float(np.clip(0.018 * cue[3], -0.05, 0.05)),
        hair=int(random.integers(4)),
        skin_shade=float(free[6]),
        hair_shade=float(free[7]),
    )


def sight(seed: int, number: int, image: int) -> Sight:
    """Return how the person of this number is seen in one image."""
    random = np.random.default_rng([seed, number, image + 1])
    dim = bool(random.random() < 0.3)
    red, green, blue = (int(value) for value in random.integers(60, 220, 3))
    slope = random.normal(0, 0.12, 2)
    return Sight(
        light="dim" if dim else "bright",
        brightness=float(random.uniform(0.45, 0.65) if dim else random.uniform(0.85, 1.15)),
        light_slope=(float(slope[0]), float(slope[1])),
        turn=float(np.clip(random.normal(0, 0.25), -0.7, 0.7)),
        tilt_degrees=float(random.normal(0, 3)),
        shift=(float(random.normal(0, 0.008)), float(random.normal(0, 0.008))),
        zoom=float(random.uniform(0.97, 1.03)),
        background=(red, green, blue),
        stripes=int(random.integers(0, 5)),
        noise=float(random.uniform(2, 14)),
        mouth_open=float(max(0.0, random.normal(0, 0.012))),
        jpeg_quality=int(random.integers(55, 96)),
    )

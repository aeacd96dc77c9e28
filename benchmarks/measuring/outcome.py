"""What a measuring process found, as plain values that become JSON; `benchmarks.records.result.Measured` is its schema.

The schema itself needs pydantic, which must not be in a process whose memory and start are measured.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from converters.files.whole_file import whole_file

Part = dict[str, Any]


@dataclass
class Outcome:
    """The fields of `Measured`, filled while measuring: what was found before a failure stays."""

    status: str = "ok"
    reason: str = ""
    verdicts: list[str] = field(default_factory=list)
    settings: dict[str, Part] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    parity: Part | None = None
    timing: Part | None = None
    cold_start: Part | None = None
    memory: Part | None = None
    accuracy: Part | None = None
    energy: Part | None = None
    peak: Part | None = None

    def end(self, status: str, reason: str) -> None:
        """Note that the measurement came to nothing: its figures go, what was learned about the runtime stays."""
        self.status, self.reason = status, reason
        self.timing = self.cold_start = self.memory = self.accuracy = self.energy = self.peak = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def write_json(values: Mapping[str, Any], path: Path) -> None:
    """Write a JSON file that appears whole or not at all; ValueError or TypeError for what is no JSON."""
    text = json.dumps(values, allow_nan=False)
    with whole_file(path) as hidden:
        hidden.write_text(text, encoding="utf-8")

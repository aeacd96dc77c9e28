"""Proof: two runs side by side, the first value that differs, its likely cause, and the certificate."""

from converters.parity.agreement import Agreement, same_network
from converters.parity.causes import likely_cause
from converters.parity.certificate import Circumstances, Run, certificate, sha256_of
from converters.parity.comparison import NodeDifference, Report, compare
from converters.parity.feeds import sample_feeds

__all__ = [
    "Agreement",
    "Circumstances",
    "NodeDifference",
    "Report",
    "Run",
    "certificate",
    "compare",
    "likely_cause",
    "same_network",
    "sample_feeds",
    "sha256_of",
]

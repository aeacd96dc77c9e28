"""Small files by which the kernel tells about itself."""

from pathlib import Path


def text(path: Path) -> str:
    """Return what a file of /proc or /sys says, "" where there is none or we may not read it: kernels differ."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""

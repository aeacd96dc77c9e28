"""Pack a folder of cases into one archive whose bytes depend on the files alone.

    python tests/data/pack.py FOLDER ARCHIVE.zip [--leave-out NAME ...]

Names are sorted, dates fixed, permissions dropped: packing the same files twice gives the same bytes.
"""

import argparse
import zipfile
from pathlib import Path

DATE = (1980, 1, 1, 0, 0, 0)


def member_paths(folder: Path, leave_out: set[str]) -> list[Path]:
    """Give every file below `folder`, sorted, without those that lie in or are called one of `leave_out`."""
    relative = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [path for path in relative if not leave_out & set(path.parts)]


def pack(folder: Path, archive: Path, leave_out: set[str]) -> int:
    """Write the archive and return how many files it holds."""
    paths = member_paths(folder, leave_out)
    with zipfile.ZipFile(archive, "w") as out:
        for path in paths:
            member = zipfile.ZipInfo(path.as_posix(), DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            member.create_system = 3  # Unix on every machine, or the bytes differ
            out.writestr(member, (folder / path).read_bytes(), compresslevel=9)
    return len(paths)


def main() -> None:
    """Read the command line and pack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--leave-out", action="append", default=[], metavar="NAME", help="folder or file name to skip")
    args = parser.parse_args()
    print(pack(args.folder, args.archive, set(args.leave_out)), "files")


if __name__ == "__main__":
    main()

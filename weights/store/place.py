"""Where files are kept, and under which names.

    <store>/<model>/<member>            files of a model, ready to be used
    <store>/<model>/files.json          hashes of what was added or seen at the first download, and when
    <store>/licences.json               licences that were accepted
    <store>/.downloads/<model>/<name>   downloads on their way, and `<name>.part` of those that were broken off
    <store>/.locks/<model>              held by the process that changes a model

The store is the user's cache folder, or the one that $FACEPORT_WEIGHTS names.
"""

import os
from pathlib import Path

import pooch

# Names another folder than the user's cache folder.
FOLDER_VARIABLE = "FACEPORT_WEIGHTS"
RECORD, LICENCES, DOWNLOADS, LOCKS = "files.json", "licences.json", ".downloads", ".locks"


def store_folder() -> Path:
    """Return the folder that keeps all models: $FACEPORT_WEIGHTS, or the user's cache folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(pooch.os_cache("faceport")) / "weights"


def model_folder(name: str) -> Path:
    """Return the folder of one model."""
    return store_folder() / name


def downloads_folder(name: str) -> Path:
    """Return where downloads of one model are on their way."""
    return store_folder() / DOWNLOADS / name


def lock_file(name: str) -> Path:
    """Return the file whose lock is held while a model is changed."""
    return store_folder() / LOCKS / name

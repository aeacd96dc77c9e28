"""Everything this package refuses, as one family of exceptions."""

from converters.errors import Refusal


class HeadsError(Refusal):
    """Faces, embeddings or a head cannot be used as asked; `problems` holds one line per reason."""


class DataError(HeadsError):
    """A data set is not laid out as it should be, or its rows do not fit together."""


class MismatchError(HeadsError):
    """Things that belong to different models, crops or labels were brought together."""


class TrainingError(HeadsError):
    """Training came to nothing that could be used."""


class UsageError(HeadsError):
    """A command or call that makes no sense, whatever the files hold."""

    exit_status = 2

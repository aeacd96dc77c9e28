"""Everything this package refuses, as one family of exceptions."""

from converters.errors import Refusal


class WeightsError(Refusal):
    """A published model cannot be used as asked; `problems` holds one line per reason."""


class RegistryError(WeightsError):
    """The table of published models is not as it should be."""


class FetchError(WeightsError):
    """A file cannot be had from any of its addresses, or is not the one that was published."""


class LicenceError(WeightsError):
    """The terms of a model have not been accepted."""


class UsageError(WeightsError):
    """A command or call that makes no sense, whatever the files hold."""

    exit_status = 2

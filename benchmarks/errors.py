"""Everything this package refuses, as one family of exceptions."""

from converters.errors import Refusal


class BenchError(Refusal):
    """Something cannot be measured, read or shown as asked; `problems` holds one line per reason."""


class StaleError(BenchError):
    """A published table is not what its results say."""


class RunnerError(BenchError):
    """A runtime cannot do what is asked of it: a device, precision or call path that it does not have here."""


class UsageError(BenchError):
    """A command or call that makes no sense, whatever the files hold."""

    exit_status = 2

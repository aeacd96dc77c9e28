"""A bounded list of what is wrong with a file, raised as one error."""

from converters.errors import FormatError

MAX_PROBLEMS = 50


class Problems:
    """Problems of one file in the order found; those beyond the first fifty are only counted."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._texts: list[str] = []
        self._left_out = 0

    def __bool__(self) -> bool:
        return bool(self._texts)

    def add(self, text: str) -> None:
        """Note a problem; the text says where it is."""
        if len(self._texts) < MAX_PROBLEMS:
            self._texts.append(text)
        else:
            self._left_out += 1

    def check(self) -> None:
        """Raise `FormatError` if there is any problem."""
        if self._left_out:
            self._texts.append(f"{self._path}: ... and {self._left_out} more problems")
        if self._texts:
            raise FormatError(self._texts)

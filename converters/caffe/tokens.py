"""The words of protobuf's text format: names, numbers, strings and signs, each with its line."""

import re
from typing import NamedTuple

NAME = "name"
NUMBER = "number"
STRING = "string"
SIGN = "sign"
END = "end of file"

# Possessive quantifiers throughout: a hostile text must not make the matcher backtrack.
_SKIPPED = re.compile(r"(?:[ \t\r\n\v\f]++|#[^\n]*+)++")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*+")
_NUMBER = re.compile(r"\.?[0-9](?:[eE][+-]|[0-9A-Za-z_.])*+")
_STRING = re.compile(r"\"(?:[^\"\\]++|\\.)*+\"|'(?:[^'\\]++|\\.)*+'", re.DOTALL)
_INTEGER = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")
_DECIMAL = re.compile(r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?")
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"?])|([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))", re.DOTALL
)
_ESCAPED = dict(zip("abfnrtv\\'\"?", "\a\b\f\n\r\t\v\\'\"?", strict=True))


class Token(NamedTuple):
    """A word of the file; the text of a string still has its quotes."""

    kind: str
    text: str
    line: int

    @property
    def shown(self) -> str:
        """The word for a message, cut to a readable length."""
        return shortened(self.text)


class BadTextError(Exception):
    """A word is malformed; carries the message without its place."""


class Tokens:
    """The words of a text one after another, with one word of foresight in `next`.

    A string without a closing quote ends the text; `open_string` is then its line. `long_strings` maps the last line
    of every string that spans several lines to its first.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self.open_string: int | None = None
        self.long_strings: dict[int, int] = {}
        self.next = self._scan()

    def take(self) -> Token:
        """Return the next word and move on."""
        token = self.next
        self.next = self._scan()
        return token

    def take_sign(self, signs: str) -> Token | None:
        """Take the next word if it is one of these signs."""
        return self.take() if self.next.kind == SIGN and self.next.text in signs else None

    def _scan(self) -> Token:
        if skipped := _SKIPPED.match(self._text, self._at):
            self._advance(skipped.end())
        if self._at == len(self._text):
            return Token(END, "", self._line)
        for kind, pattern in _KINDS:
            if found := pattern.match(self._text, self._at):
                return self._token(kind, found.group())
        if self._text[self._at] in "\"'":
            return self._unclosed_string()
        return self._token(SIGN, self._text[self._at])

    def _unclosed_string(self) -> Token:
        self.open_string = self._line
        self._at = len(self._text)
        return Token(END, "", self._line)

    def _token(self, kind: str, text: str) -> Token:
        token = Token(kind, text, self._line)
        self._advance(self._at + len(text))
        if kind == STRING and token.line != self._line:
            self.long_strings[self._line] = token.line
        return token

    def _advance(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end


def shortened(text: str) -> str:
    """Cut a text to sixty characters for a message; what does not print is written as an escape."""
    short = text if len(text) <= 60 else text[:57] + "..."
    return short if short.isprintable() else short.encode("unicode_escape").decode()


def is_integer(text: str) -> bool:
    """Tell whether a number's text is a whole number: decimal, hexadecimal or octal."""
    return _INTEGER.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Tell whether a number's text is well formed."""
    return is_integer(text) or _DECIMAL.fullmatch(text) is not None


def integer(text: str) -> int | None:
    """Return a whole number, or None when it has more digits than any field could hold."""
    digits = text.lower()
    if len(digits) > 100:
        return None
    if digits.startswith("0x"):
        return int(digits, 16)
    return int(digits, 8 if digits.startswith("0") else 10)


def decimal(text: str) -> float | None:
    """Return a decimal number, or None for a hexadecimal or octal one: protobuf takes those for whole numbers only."""
    return float(text.rstrip("fF")) if _DECIMAL.fullmatch(text) else None


def unquoted(text: str) -> str:
    """Return the value of a quoted string; escaped bytes are read as UTF-8, or as Latin-1 where they are not."""
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    data = b"".join(_unescaped_parts(inner))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _unescaped_parts(inner: str) -> list[bytes]:
    parts = []
    at = 0
    for found in _ESCAPE.finditer(inner):
        parts += [_bytes(inner[at : found.start()]), _unescaped(found)]
        at = found.end()
    return [*parts, _bytes(inner[at:])]


def _unescaped(found: re.Match[str]) -> bytes:
    simple, octal, hexadecimal, short, long, unknown = found.groups()
    if simple:
        return _ESCAPED[simple].encode()
    if octal or hexadecimal:
        value = int(octal, 8) if octal else int(hexadecimal, 16)
        if value > 0xFF:
            raise BadTextError(f"the escape '\\{octal}' is more than one byte")
        return bytes([value])
    if unknown is not None:
        raise BadTextError(f"'\\{unknown}' is not an escape of protobuf's text format; write '\\\\' for a backslash")
    return _code_point(int(short or long, 16))


def _code_point(value: int) -> bytes:
    if value > 0x10FFFF or 0xD800 <= value < 0xE000:
        raise BadTextError(f"the escape for code point {value:#x} is not a Unicode character")
    return chr(value).encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")


_KINDS = ((NAME, _NAME), (NUMBER, _NUMBER), (STRING, _STRING))

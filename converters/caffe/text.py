"""Prototxt text (protobuf's text format) -> message tree.

The whole format as real Caffe reads it: comments, hexadecimal, octal and decimal numbers, `inf` and `nan`, enums by
name or number, all spellings of booleans, strings with escapes and adjacent pieces, `[lists]`, `<` `>` for braces,
optional `:` before a block, `;` and `,` between fields. Every problem of a file is collected before the one
`FormatError`.
"""

import contextlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple, NoReturn

from converters.caffe.hints import expected, hint_for_field, hint_for_value
from converters.caffe.problems import Problems
from converters.caffe.schema import FLOATS, INTEGER_RANGES, Field, Scalar, enum_names, enum_values, fields, is_enum
from converters.caffe.tokens import (
    END,
    NAME,
    NUMBER,
    SIGN,
    STRING,
    BadTextError,
    Token,
    Tokens,
    decimal,
    integer,
    is_integer,
    is_number,
    shortened,
    unquoted,
)
from converters.caffe.tree import Message
from converters.errors import FormatError
from converters.files.model_files import PROTOTXT_FIRST, check_recognised, check_regular, unreadable

MAX_FILE_BYTES = 16 * 2**20
MAX_VALUES = 500_000
MAX_UNKNOWN_DEPTH = 100

_CLOSING = {"{": "}", "<": ">", "[": "]"}
_TRUE = ("true", "True", "t")
_FALSE = ("false", "False", "f")
_SPECIAL_FLOATS = ("inf", "infinity", "nan")

_Element = Callable[[Message, Field, Token], None]


class _StopError(Exception):
    """The text cannot be followed any further."""


class _Raw(NamedTuple):
    """A scalar as written: its kind of word, its text and its line."""

    kind: str
    text: str
    negative: bool
    line: int

    @property
    def shown(self) -> str:
        """The value as it stands in the file, cut to a readable length."""
        text = shortened(self.text)
        quoted = f'"{text}"' if self.kind == STRING else text
        return f"-{quoted}" if self.negative else quoted


def read_prototxt(path: str | Path) -> Message:
    """Read a network definition; raises `FormatError` with every problem of the file."""
    return parse(_read_text(Path(path)), str(path))


def parse(text: str, path: str, root: str = "NetParameter") -> Message:
    """Parse prototxt text whose outermost fields are those of the message `root`; `path` is only for messages."""
    return _Parser(text, path).parse(root)


def _read_text(path: Path) -> str:
    size = check_regular(path)
    if size > MAX_FILE_BYTES:
        raise FormatError(
            f"{path}: is {size} bytes long, a prototxt at most {MAX_FILE_BYTES}; is it the caffemodel? {PROTOTXT_FIRST}"
        )
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    check_recognised(path, data, "a prototxt")
    return _decode(data, path)


def _decode(data: bytes, path: Path) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FormatError(f"{path}: is UTF-16 text; save it as UTF-8")
    if b"\x00" in data:
        raise FormatError(f"{path}: is a binary file, a prototxt is expected; is it the caffemodel? {PROTOTXT_FIRST}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


class _Parser:
    def __init__(self, text: str, path: str) -> None:
        self._tokens = Tokens(text)
        self._path = path
        self._problems = Problems(path)
        self._values = 0

    def parse(self, root: str) -> Message:
        message = Message(root, self._path, 1)
        with contextlib.suppress(_StopError):  # what stopped the parser is among the problems already
            self._fields(message, closing=None, name=root)
            self._check_strings(self._tokens.next.line)
        self._problems.check()
        return message

    def _fields(self, message: Message, closing: str | None, name: str) -> None:
        """Parse fields up to the closing sign, or to the end of the file for the outermost message."""
        while True:
            token = self._tokens.next
            if token.kind == END:
                if closing:
                    self._stop(message.line, f"the block '{name}' that opens here is never closed with '{closing}'")
                return
            if closing and self._tokens.take_sign(closing):
                return
            self._field(message)
            self._tokens.take_sign(";,")

    def _field(self, message: Message) -> None:
        token = self._tokens.take()
        if token.kind != NAME:
            self._stop(token.line, _unexpected_start(token))
        field = fields(message.kind).get(token.text)
        if field is None:
            self._problem(token.line, hint_for_field(message.kind, token.shown))
            self._skip_value(token)
            return
        if not field.repeated and field.name in message.names():
            first = message.line_of(field.name)
            self._problem(token.line, f"'{field.name}' is given twice; it stands on line {first} already, keep one")
        if field.is_message:
            self._message_field(message, field, token)
        else:
            self._scalar_field(message, field, token)

    def _message_field(self, message: Message, field: Field, name: Token) -> None:
        self._tokens.take_sign(":")
        if self._tokens.take_sign("["):
            self._list(message, field, name, self._block)
        else:
            self._block(message, field, name)

    def _block(self, message: Message, field: Field, name: Token) -> None:
        opening = self._tokens.take_sign("{<")
        if opening is None:
            raw = self._raw(name)
            self._problem(raw.line, f"'{name.shown}' takes a block in braces, not {raw.shown}")
            return
        nested = Message(field.kind, self._path, name.line)
        self._fields(nested, _CLOSING[opening.text], name.text)
        self._add(message, field, nested, name.line)

    def _scalar_field(self, message: Message, field: Field, name: Token) -> None:
        if self._tokens.take_sign(":") is None and self._tokens.next.text not in ("{", "<"):
            self._problem(name.line, f"':' is missing between '{name.shown}' and its value")
        if self._tokens.take_sign("["):
            self._list(message, field, name, self._scalar)
        else:
            self._scalar(message, field, name)

    def _scalar(self, message: Message, field: Field, name: Token) -> None:
        if opening := self._tokens.take_sign("{<"):
            self._problem(opening.line, f"'{name.shown}' takes {expected(field)}, not a block in braces")
            self._skip_block(opening)
            return
        raw = self._raw(name)
        value = _convert(field, raw)
        if value is None:
            hint = hint_for_value(message.kind, field, shortened(raw.text), quoted=raw.kind == STRING)
            self._problem(raw.line, f"'{name.shown}' takes {expected(field)}, not {raw.shown}{hint}")
            return
        self._add(message, field, value, raw.line)

    def _list(self, message: Message, field: Field, name: Token, element: _Element) -> None:
        """Parse `[a, b]` behind its opening bracket."""
        if not field.repeated:
            self._problem(name.line, f"'{name.shown}' takes one value, not a list")
        if self._tokens.take_sign("]"):
            return
        while True:
            element(message, field, name)
            if self._tokens.take_sign("]"):
                return
            if self._tokens.take_sign(",") is None:
                self._stop(self._tokens.next.line, f"',' or ']' is missing in the list of '{name.shown}'")

    def _raw(self, name: Token) -> _Raw:
        minus = self._tokens.take_sign("-")
        token = self._tokens.take()
        if token.kind in (SIGN, END):
            found = "the end of the file" if token.kind == END else f"'{token.shown}'"
            self._stop(token.line, f"a value is expected behind '{name.shown}', not {found}")
        if token.kind == NUMBER and not is_number(token.text):
            self._problem(token.line, f"'{token.shown}' is not a number{_octal_hint(token.text)}")
            return _Raw(NUMBER, "0", False, token.line)
        text = self._string(token) if token.kind == STRING else token.text
        return _Raw(token.kind, text, minus is not None, token.line)

    def _string(self, first: Token) -> str:
        pieces = [first]
        while self._tokens.next.kind == STRING:
            pieces.append(self._tokens.take())
        try:
            return "".join(unquoted(piece.text) for piece in pieces)
        except BadTextError as error:
            self._problem(first.line, str(error))
            return ""

    def _skip_value(self, name: Token) -> None:
        """Pass over the value of an unknown field, whatever its form."""
        colon = self._tokens.take_sign(":")
        if opening := self._tokens.take_sign("{<["):
            self._skip_block(opening)
        elif colon:
            self._raw(name)
        else:
            self._stop(self._tokens.next.line, f"'{name.shown}' is followed by neither ':' nor a block in braces")

    def _skip_block(self, opening: Token) -> None:
        open_blocks = [opening]
        while open_blocks:
            token = self._tokens.take()
            if token.kind == END:
                self._stop(opening.line, f"the block that opens here is never closed with '{_CLOSING[opening.text]}'")
            if token.kind != SIGN:
                continue
            if token.text in _CLOSING:
                open_blocks.append(token)
                if len(open_blocks) > MAX_UNKNOWN_DEPTH:
                    self._stop(token.line, f"blocks are nested more than {MAX_UNKNOWN_DEPTH} deep")
            elif token.text in _CLOSING.values():
                wanted = _CLOSING[open_blocks.pop().text]
                if token.text != wanted:
                    self._stop(token.line, f"'{wanted}' expected, not '{token.shown}'")

    def _add(self, message: Message, field: Field, value: Scalar | Message, line: int) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            self._stop(line, f"more than {MAX_VALUES} values: this is no network definition")
        message.add(field.name, value, line)

    def _problem(self, line: int, text: str) -> None:
        self._problems.add(f"{self._path}:{line}: {text}")

    def _stop(self, line: int, text: str) -> NoReturn:
        self._check_strings(line)
        self._problem(line, text)
        raise _StopError

    def _check_strings(self, line: int) -> None:
        """Point at a string without a closing quote, or at one that may have swallowed what is missed on this line."""
        opened = self._tokens.open_string
        last = line if opened is None else opened
        first = self._tokens.long_strings.get(last)
        if first is not None and (opened or self._problems):
            self._problem(first, f"a string opens here and runs on to line {last}: is its closing quote missing?")
        elif opened:
            self._problem(opened, "a string opens here and its closing quote is missing")
        if opened:
            raise _StopError


def _convert(field: Field, raw: _Raw) -> Scalar | None:
    """Return the value of a scalar field, or None when what is written has the wrong type."""
    if field.kind == "string":
        return raw.text if raw.kind == STRING and not raw.negative else None
    if raw.kind == STRING:
        return None
    if field.kind in FLOATS:
        return _float(raw)
    return _whole(field, raw) if raw.kind == NUMBER else _word(field, raw)


def _word(field: Field, raw: _Raw) -> Scalar | None:
    """A boolean or enum written as its name."""
    if not raw.negative and raw.text in _words(field):
        return raw.text if is_enum(field.kind) else raw.text in _TRUE
    return None


def _words(field: Field) -> Collection[str]:
    if is_enum(field.kind):
        return enum_values(field.kind)
    return _TRUE + _FALSE if field.kind == "bool" else ()


def _float(raw: _Raw) -> float | None:
    if raw.kind == NAME:
        value = float(raw.text) if raw.text.lower() in _SPECIAL_FLOATS else None
    else:
        value = decimal(raw.text)
    return -value if raw.negative and value is not None else value


def _whole(field: Field, raw: _Raw) -> Scalar | None:
    """An integer, or a boolean or enum written as its number."""
    value = integer(raw.text) if is_integer(raw.text) else None
    if value is None:
        return None
    signed = -value if raw.negative else value
    if is_enum(field.kind):
        return enum_names(field.kind).get(signed)
    if field.kind == "bool":
        return bool(value) if value in (0, 1) and not raw.negative else None
    low, high = INTEGER_RANGES[field.kind]
    return signed if low <= signed <= high else None


def _unexpected_start(token: Token) -> str:
    if token.text == "}":
        return "'}' closes a block that was never opened: is there one brace too many above?"
    if token.text == "/":
        return "comments begin with '#', not with '/'"
    if token.text == "[":
        return "extensions in brackets are not part of Caffe's format"
    return f"a field name is expected, not '{token.shown}'"


def _octal_hint(text: str) -> str:
    return "; a leading zero makes it octal" if text.isdigit() else ""

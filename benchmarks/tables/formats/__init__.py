"""Tables as text: one format in each file."""

from collections.abc import Callable, Mapping

from benchmarks.errors import UsageError
from benchmarks.tables.formats import delimited, latex, markdown, page, plain, structured
from benchmarks.tables.table import Table
from converters.errors import did_you_mean

FORMATS: Mapping[str, Callable[[Table], str]] = {
    "text": plain.text,
    "md": markdown.text,
    "csv": delimited.text,
    "html": page.text,
    "latex": latex.text,
    "json": structured.text,
}


def render(table: Table, format_name: str) -> str:
    """Return a table as text that ends with a line end; UsageError for a format that is none."""
    if format_name not in FORMATS:
        raise UsageError(
            f"there is no format '{format_name}'{did_you_mean(format_name, FORMATS)}; there are {', '.join(FORMATS)}"
        )
    return FORMATS[format_name](table)


__all__ = ["FORMATS", "render"]

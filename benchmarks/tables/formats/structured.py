"""Tables as JSON: the raw numbers by name, and the footer."""

import json
import math

from benchmarks.tables.table import Table, as_mapping


def text(table: Table) -> str:
    """Return an object with `title`, `rows` (those of the CSV) and `footer`; what is not finite is null."""
    rows = [{key: _plain(value) for key, value in as_mapping(table.heads, line).items()} for line in table.lines]
    told = {"title": table.title, "rows": rows, "footer": dict(table.footer)}
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value

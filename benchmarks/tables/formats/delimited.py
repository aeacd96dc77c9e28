"""Tables as CSV: raw numbers in full, each bound in a column of its own, nothing left out."""

import csv
import io

from benchmarks.tables.table import Table, as_mapping


def text(table: Table) -> str:
    """Return one header line and one line for each row; the footer belongs to the formats for people and to JSON."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([key for head in table.heads for key in head.keys])
    for line in table.lines:
        writer.writerow([_raw(value) for value in as_mapping(table.heads, line).values()])
    return out.getvalue()


def _raw(value: object) -> object:
    """Return a number so that reading it gives the same number, a Boolean as 1 or 0, None as nothing."""
    if isinstance(value, bool):
        return int(value)
    return repr(value) if isinstance(value, float) else value

"""The command that publishes."""

from pathlib import Path
from typing import Any

from converters.command_line import terminal


def publish(given: Any) -> None:
    """Copy results into the project and write the tables of its documents anew."""
    from benchmarks.publishing.publishing import publish as published

    done = published(given.results, Path.cwd(), given.published_as, given.documents, force=given.force)
    if given.json:
        terminal.say_json(
            {"folder": str(done.folder), "results": done.count, "documents": list(map(str, done.changed))}
        )
        return
    terminal.say(f"{done.count} results in {done.folder}")
    for path in done.changed:
        terminal.say(f"{path}: its tables were written anew")
    if not done.changed:
        terminal.say("the tables of all documents are as they were")

"""How two releases of one network, held against each other, look when printed."""

from rich.text import Text

from converters.command_line.terminal import out, say, table, warn
from converters.crosscheck import Crosscheck


def show_crosscheck(found: Crosscheck) -> None:
    """Print the pairs of nodes with what they have in common, then all that was found, and the verdict."""
    warn(found.warnings)
    _show_nodes(found)
    for line in (*found.lines, *found.statements.lines):
        say(line)
    if found.computed is not None:
        warn(found.computed.report.warnings)
        say(f"computed from one seeded image, prepared {found.computed.fed}")
    say(found.verdict, "green" if found.ok else "bold red")


def _show_nodes(found: Crosscheck) -> None:
    shown = table(found.titles[0], found.titles[1], "op", "learned values", "computed", numbers=("computed",))
    layers = {layer.names: layer for layer in found.layers}
    values = {} if found.computed is None else {node.node: node for node in found.computed.report.nodes}
    for ours, theirs, op in found.pairs:
        layer, value = layers.get((ours, theirs)), values.get(ours)
        learned = Text("" if layer is None else layer.verdict, "bold red" if layer and layer.problem else "")
        apart = "" if value is None else f"{value.difference:.1e}{'' if value.ok else ' !'}"
        shown.add_row(ours, theirs, op, learned, Text(apart, "" if value is None or value.ok else "bold red"))
    if found.pairs:
        out.print(shown)

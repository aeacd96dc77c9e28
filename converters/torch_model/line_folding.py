"""Long statements of a module on several lines."""

import re

WIDTH = 120


def folded(before: str, expression: str, after: str, indent: int, width: int = WIDTH) -> list[str]:
    """Return `before expression after` as lines; beyond `width`, the last call or tuple has a line per item."""
    line = f"{' ' * indent}{before}{expression}{after}"
    opening = _opening(expression)
    items = _split(expression[opening + 1 : -1])
    is_call = expression[:opening][-1:].isalnum() or expression[:opening][-1:] == "_"
    if len(line) <= width or not items or not (is_call or len(items) > 1):
        return [line]
    lines = [f"{' ' * indent}{before}{expression[: opening + 1]}"]
    for item in items:
        name = re.match(r"\w+=", item)
        start = name.group() if name else ""
        lines += folded(start, item[len(start) :], ",", indent + 4)
    return [*lines, f"{' ' * indent}){after}"]


def _opening(expression: str) -> int:
    """Return where the bracket opens that the last character closes; the end if it closes none."""
    if not expression.endswith(")"):
        return len(expression)
    depth = 0
    for place in range(len(expression) - 1, -1, -1):
        depth += (expression[place] in ")]}") - (expression[place] in "([{")
        if depth == 0:
            return place
    return len(expression)


def _split(items: str) -> list[str]:
    """Split at the commas that stand in no bracket."""
    parts, depth = [""], 0
    for character in items:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]

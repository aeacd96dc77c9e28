"""An application made of tables: what each command takes, and which function does it; for all packages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import Parameter, Signature
from types import SimpleNamespace
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

NEEDED = object()


class Written(NamedTuple):
    """An argument or option: the type typer sees, its default (or NEEDED), and how it is written."""

    kind: Any
    default: Any
    how: Any


class Command(NamedTuple):
    """One command: the module and the function that do it, its help, and what it takes."""

    module: str
    function: str
    help: str
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class PlainGroup(TyperGroup):
    """Lists the commands, and what is wrong with a command line, as plain text: that takes a third of the time."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "rich_markup_mode": None})


@dataclass(frozen=True)
class Tables:
    """What the commands of one package are made of: `folder` holds their modules, `always` names options of all."""

    folder: str
    arguments: Mapping[str, Written]
    options: Mapping[str, Written]
    always: Sequence[str]

    def fill(self, app: typer.Typer, commands: Mapping[str, Command]) -> None:
        """Make commands; what does each is imported when it runs, so that `--help` answers at once."""
        for name, command in commands.items():
            app.command(name, help=command.help)(self._function(name, command))

    def _function(self, name: str, command: Command) -> Callable[..., None]:
        def run(**given: Any) -> None:
            act = getattr(import_module(f"{self.folder}.{command.module}"), command.function)
            act(SimpleNamespace(**given))

        written = {key: self.arguments[key] for key in command.arguments}
        written |= {key: self.options[key] for key in (*command.options, *self.always)}
        function: Any = run
        function.__name__ = name
        function.__signature__ = Signature([_parameter(key, how) for key, how in written.items()])
        return run


def group(text: str, epilog: str | None = None) -> typer.Typer:
    """Return an application, or a group of commands inside one, without any command."""
    return typer.Typer(
        cls=PlainGroup,
        help=text,
        epilog=epilog,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def argument(kind: Any, metavar: str, text: str, default: Any = NEEDED) -> Written:
    """Return how an argument is written."""
    return Written(kind, default, typer.Argument(metavar=metavar, help=text, show_default=False))


def option(kind: Any, default: Any, text: str, *names: str, metavar: str | None = None, panel: str = "") -> Written:
    """Return how an option is written; its default is shown where it says something."""
    shown = default not in ("", None, NEEDED, False) and kind != list[str]
    written = typer.Option(*names, metavar=metavar, help=text, show_default=shown, rich_help_panel=panel or None)
    return Written(kind, default, written)


def listed(text: str) -> tuple[str, ...]:
    """Return the names in `a,b,c`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _parameter(name: str, written: Written) -> Parameter:
    default = Parameter.empty if written.default is NEEDED else written.default
    if isinstance(default, tuple):
        default = list(default)
    kind = written.kind | None if default is None else written.kind
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, written.how])

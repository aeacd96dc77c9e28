"""How each argument and option is written on the command line: one table for all commands."""

from converters.command_line.application import argument, option

ARGUMENTS = {
    "name": argument(str, "NAME", "A model that `weights list` shows."),
    "maybe_name": argument(str, "[NAME]", "A model; without it the folder of all.", ""),
    "names": argument(list[str], "NAME...", "Models that `weights list` shows."),
    "maybe_names": argument(list[str], "[NAME...]", "Models; without any, all that are here.", ()),
    "files": argument(list[str], "FILE...", "Its files, its archive, or NAME=FILE where a name here differs."),
}  # fmt: skip

OPTIONS = {
    "family": option(str, "", "Only models of this family.", "--family", metavar="NAME"),
    "here": option(bool, False, "Only models that are here.", "--here"),
    "accept_licence": option(
        bool, False, "Accept the terms of non-commercial models; remembered.", "--accept-licence"
    ),
    "require_hash": option(bool, False, "Refuse models whose hash nobody published.", "--require-hash"),
    "offline": option(bool, False, "Open no address: say whether all is here.", "--offline"),
    "link": option(bool, False, "Leave the files where they are, and link to them.", "--link"),
    "forget": option(bool, False, "Forget the hashes of their first sight as well.", "--forget"),
    "json": option(bool, False, "Print one JSON document.", "--json"),
    "verbose": option(bool, False, "Show where an unexpected failure comes from.", "--verbose", "-v"),
}  # fmt: skip

ALWAYS = ("json", "verbose")

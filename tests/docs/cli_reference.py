"""The command-line reference, written from the commands themselves.

python tests/docs/cli_reference.py > docs/reference/cli.md
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
# Command line

Written from the commands themselves by `python tests/docs/cli_reference.py > docs/reference/cli.md`, and a test keeps it
so. Every command has `--help`; `--debug` (show the traceback of an error) and `--verbose` (show the logs of Beam and
others) may stand before or after any command. Tables go to stdout, all else to stderr; `--json` prints one JSON document
instead. [Settings](settings.md) may also stand in the environment or in a file; the [exit codes](exit-codes.md) are few.
"""


def reference() -> str:
    """Return the page."""
    return HEAD + "".join(_section(name, command) for name, command in commands())


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command that can be run, by its words, in the order of the help."""
    import typer

    from runners.cli.app import app

    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", {"": command})
        for word, each in inner.items():
            yield f"{name} {word}".strip(), each


def options(command: Any) -> list[Any]:
    """Return a command's options."""
    return [each for each in command.params if each.param_type_name == "option"]


def arguments(command: Any) -> list[Any]:
    """Return a command's arguments."""
    return [each for each in command.params if each.param_type_name == "argument"]


def _section(name: str, command: Any) -> str:
    words = " ".join(["interestream", name, *(_argument(each) for each in arguments(command)), "[OPTION]…"])
    lines = [f"\n## `interestream {name}`\n", f"```\n{words}\n```\n", f"{command.help.strip()}\n"]
    rows = [(_argument(each), each.help or "", "") for each in arguments(command)]
    rows += [(_flag(each), each.help or "", _default(each)) for each in options(command)]
    lines += ["| | | default |", "|---|---|---|"]
    lines += [f"| `{_escaped(shown)}` | {_escaped(says)} | {default} |" for shown, says, default in rows]
    return "\n".join([*lines, f"\n{_example(command)}\n"])


def _argument(argument: Any) -> str:
    shown: str = argument.metavar or argument.name.upper()
    return shown if argument.required else f"[{shown}]"


def _flag(option: Any) -> str:
    if option.is_flag:
        return str(option.opts[0])
    return f"{option.opts[0]} {option.metavar or option.name.upper()}"


def _default(option: Any) -> str:
    if option.required:
        return "required"
    told = option.show_default if isinstance(option.show_default, str) else option.default
    return f"`{told}`" if told not in (None, False, ()) else ""


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _example(command: Any) -> str:
    return f"Example:\n\n```bash\n{command.epilog.removeprefix('Example: ')}\n```"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.stdout.write(reference())

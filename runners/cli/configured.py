"""Commands that take settings: their flags join the command line, merged with file and environment."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from runners.cli.options import CONFIG, SETTINGS
from runners.settings import load_settings

Command = Callable[..., None]


def configured(*names: str) -> Callable[[Command], Command]:
    """Give a command the named settings as flags, and itself one merged `settings` in their place."""
    flags = {name: SETTINGS[name] for name in names}

    def decorate(command: Command) -> Command:
        @wraps(command)
        def called(**given: Any) -> None:
            config = given.pop("config")
            command(settings=load_settings({name: given.pop(name) for name in flags}, config), **given)

        called.__signature__ = _signature(command, flags | {"config": CONFIG})  # type: ignore[attr-defined]
        return called

    return decorate


def _signature(command: Command, flags: dict[str, Any]) -> inspect.Signature:
    own = [each for each in inspect.signature(command).parameters.values() if each.name != "settings"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in flags.items()
    ]
    return inspect.Signature([*own, *added])

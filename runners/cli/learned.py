"""`interestream recommend --model`: how often the published model was right, and how a shadow of it does."""

from typing import TYPE_CHECKING, Any

from runners.cli.looking import reading
from runners.cli.output import note, print_json, print_table
from runners.settings import Settings

if TYPE_CHECKING:
    from serving.learned import ShadowFigures


def show_learned(settings: Settings, *, as_json: bool) -> None:
    """Print the counters of the served model and of its shadow."""
    from serving.windows import to_text

    with reading(settings) as reader:
        learned = reader.learned()
    if learned is None:
        print_json(None) if as_json else note("No model is published.")
        return
    model, shadow = learned.model, learned.shadow
    if as_json:
        head = {"model_version": model.model_version, "as_of": to_text(model.as_of_ms)}
        print_json(head | {"counters": model.counters, "shadow": _told(shadow) if shadow else None})
        return
    title = f"Model {model.model_version:,} as of {to_text(model.as_of_ms)}"
    print_table(title, ["", ""], [[name, _text(value)] for name, value in model.counters.items()])
    if shadow is None:
        note("Nothing learns in its shadow.")
        return
    told = ", ".join(f"{name}={value}" for name, value in shadow.settings.items()) or "as served"
    rows = [[name, _text(value)] for name, value in shadow.counters.items()]
    print_table(f"In its shadow since {to_text(shadow.since_ms)}: {told}", ["", ""], rows)


def _told(shadow: "ShadowFigures") -> dict[str, Any]:
    from serving.windows import to_text

    return {"since": to_text(shadow.since_ms), "settings": shadow.settings, "counters": shadow.counters}


def _text(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() and abs(value) > 1 else f"{value:.4g}"

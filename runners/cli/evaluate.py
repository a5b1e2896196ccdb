"""`interestream evaluate PATH…`: how well the recommender predicts, beside others, on one log."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.output import note, print_json, print_table
from runners.durations import parse_duration
from runners.settings import Settings
from schemas.errors import SourceError, UsageError

if TYPE_CHECKING:
    from online_models.prequential import Evaluation

EXAMPLE = "interestream evaluate events/ --ablate"
SHOWN = ("hit_rate_at_10", "mrr_at_10", "ndcg_at_10", "hit_rate_at_20", "mrr_at_20")
OF_CLICKS = ("click_log_loss", "click_log_loss_of_rate", "click_auc", "click_calibration", "click_rate")

OF_SHARDS = ("hit_rate_at_10", "hit_rate_at_20", "mrr_at_10", "mrr_at_20", "coverage_at_10")
SHARDED = "model_shards_"
MOST_SHARDS = 64


@configured("currency")
def evaluate(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="Files or folders of events.", exists=True)
    ],
    *,
    settings: Settings,
    ablate: Annotated[
        bool,
        typer.Option(
            "--ablate", "--ablation", help="Also the recommender without each part, and with each alone."
        ),
    ] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Leave out the baselines in plain Python.")] = False,
    last_half: Annotated[
        bool, typer.Option("--last-half", help="Count only predictions in the later half of the events.")
    ] = False,
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Count one prediction in N.")] = 1,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Nobody takes an item twice: ask at each click, leave out what the user had."
        ),
    ] = False,
    unasked: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, metavar="SHARE", help="Learn so much without a question at first."),
    ] = 0.0,
    label_delay: Annotated[
        str, typer.Option(metavar="DURATION", help="How long after a view its click may come.")
    ] = "30s",
    model_shards: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N",
            help="Also the recommender on so many learners, each of its own users; 2,4,8 or repeated.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Predict every click before learning it, with the recommender and with baselines, on the same events.

    Asked is at every click that is not the first of its session. Where there are views, each is also asked whether it
    will be clicked. Nothing is published. With --model-shards also how fast each learned.
    """
    from online_models.prequential import OURS, ablations, blend, default_models, slow_models
    from online_models.prequential import evaluate as predict_then_learn
    from online_models.sharded_evaluation import sharded_models
    from runners.interaction_log import read_interactions

    models = {**default_models(once), **({} if fast else slow_models()), **(ablations() if ablate else {})}
    delay_ms = parse_duration(label_delay)
    models[OURS] = blend(label_delay_ms=delay_ms)
    if counts := _counts(model_shards or []):
        models |= sharded_models(counts, time.process_time, delay_ms)
    log, refused = read_interactions(paths, settings.currency)
    result = predict_then_learn(log, models, last_half=last_half, every=every, once=once, unasked=unasked)
    if not result.predictions:
        raise SourceError(
            f"Nothing could be asked: of {result.events:,} interactions ({refused:,} events refused) no click is behind the "
            "first of its session. Give files with sessions of several clicks, or see interestream validate."
        )
    if as_json:
        print_json(result.as_dict() | {"refused": refused})
        return
    _show(result)
    if refused:
        note(f"{refused:,} events break a rule and were left out: interestream validate says which.")


def _show(result: "Evaluation") -> None:
    title = f"{result.predictions:,} predictions over {result.events:,} events"
    rows = [
        [name, *(f"{figures[key]:.4f}" for key in SHOWN)]
        for name, figures in sorted(result.models.items(), key=lambda each: -each[1]["hit_rate_at_10"])
    ]
    print_table(title, ["model", *SHOWN], rows, right=SHOWN)
    clicks = {name: figures for name, figures in result.models.items() if "click_auc" in figures}
    if clicks:
        rows = [[name, *(f"{figures[key]:.4f}" for key in OF_CLICKS)] for name, figures in clicks.items()]
        print_table("Whether a view is clicked", ["model", *OF_CLICKS], rows, right=OF_CLICKS)
    _show_shards({name: figures for name, figures in result.models.items() if name.startswith(SHARDED)})
    windows = result.against_popularity
    if windows:
        worst = max(window.p for window in windows)
        better = sum(window.only_first > window.only_second for window in windows)
        note(
            f"Against popularity: better in {better} of {len(windows)} windows; McNemar's p at most {worst:.2g}."
        )


def _counts(given: list[str]) -> list[int]:
    """How many learners are meant by `2,4` and `8`, in their order."""
    named = [each.strip() for text in given for each in text.split(",")]
    wrong = [each for each in named if not (each.isdecimal() and 1 <= int(each) <= MOST_SHARDS)]
    if wrong:
        raise UsageError(
            f"--model-shards are whole numbers from 1 to {MOST_SHARDS}, as in 2,4,8; {wrong[0]!r} is none."
        )
    return sorted({int(each) for each in named})


def _show_shards(models: dict[str, dict[str, float]]) -> None:
    if not models:
        return
    speeds = ("events_per_s", "events_per_s_on_a_core_each")
    rows = [
        [
            name.removeprefix(SHARDED),
            *(f"{figures[key]:.4f}" for key in OF_SHARDS),
            *(f"{figures[key]:,.0f}" for key in speeds),
        ]
        for name, figures in models.items()
    ]
    print_table(
        "Users split over learners", ["learners", *OF_SHARDS, *speeds], rows, right=(*OF_SHARDS, *speeds)
    )
    note(
        "The last column is reckoned from the first: as if each learner had a core, and all waited for the slowest."
    )

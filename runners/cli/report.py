"""`interestream report SESSION`: a broadcast's figures as one HTML file."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from runners.cli import options
from runners.cli.configured import configured
from runners.cli.figures import told
from runners.cli.looking import reading
from runners.cli.output import note, print_json
from runners.settings import Settings
from schemas.errors import StoreError

EXAMPLE = "interestream report sim-r000-e000 --out report.html --data-dir .interestream/demo"


@configured(*options.WHERE)
def report(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="The broadcast's session_id.")],
    *,
    settings: Settings,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")] = Path(
        "report.html"
    ),
    as_json: options.Json = False,
) -> None:
    """Write one broadcast's report: figures, minutes, funnel, products, traffic, coupons and what they caused.

    The file needs nothing else, so it can be sent and printed. The same figures give the same bytes.
    """
    from serving.wall.order_index import OrderIndex
    from serving.wall.report.page import report_page
    from serving.wall.room import read_broadcast

    with reading(settings) as reader:
        view = read_broadcast(reader.store, OrderIndex(reader.store), session)
    text = report_page(view, partial(told, currency=view.moment.currency))
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"The report cannot be written to {out}: {error.strerror}. Name another --out."
        ) from error
    if as_json:
        print_json({"session": session, "room": view.room_id, "file": str(out), "final": view.is_final})
        return
    note(f"The report of {session} is in {out}.")

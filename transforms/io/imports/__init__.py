"""Importers of public data sets: the publisher's files in, events, dimensions and dead letters out.

>>> IMPORTERS["puffy"].name
'puffy'
"""

from pathlib import Path
from typing import Final

from schemas.errors import UsageError
from transforms.io.imports.completejourney import CompleteJourney
from transforms.io.imports.folder import REPORT_FILE, replaced_folder
from transforms.io.imports.globo import Globo
from transforms.io.imports.importer import Importer
from transforms.io.imports.online_retail import OnlineRetail
from transforms.io.imports.open_bandit import OpenBandit
from transforms.io.imports.output import ImportOutput, Progress
from transforms.io.imports.puffy import Puffy
from transforms.io.imports.report import ImportReport, ReadFile
from transforms.io.imports.yoochoose import Yoochoose

__all__ = ["IMPORTERS", "ImportReport", "Importer", "Progress", "ReadFile", "import_dataset"]

IMPORTERS: Final[dict[str, Importer]] = {
    importer.name: importer
    for importer in (Puffy(), OnlineRetail(), Globo(), Yoochoose(), CompleteJourney(), OpenBandit())
}
"""The data sets that `interestream import` knows, by name."""


def import_dataset(name: str, path: Path, out_dir: Path, on_progress: Progress | None = None) -> ImportReport:
    """Map a public data set's files onto events, in a folder that replaces an earlier import's.

    Use it to run the pipeline on real logs. One pass over the files in bounded memory, tens of thousands of
    rows a second. `path` is one file or a folder, as published (also .gz, .zst, .zip); `out_dir` receives
    `events-NNNNN.parquet`, `dims/*.parquet`, `deadletters.parquet` and `import.json`, the same bytes for the
    same input. Raises UsageError for a name that is none of `IMPORTERS` or an `out_dir` with other files in
    it, SourceError where the files are missing, damaged or have other columns; a bad row is a dead letter.
    """
    importer = IMPORTERS.get(name)
    if importer is None:
        raise UsageError(f"no importer is called {name!r}; there are: {', '.join(sorted(IMPORTERS))}")
    report = ImportReport(
        dataset=name, title=importer.title, licence=importer.licence, citation=importer.citation,
        homepage=importer.homepage, notes=importer.notes,
    )  # fmt: skip
    with replaced_folder(Path(out_dir).absolute()) as folder:
        with ImportOutput(folder, report, on_progress) as out:
            importer.convert(Path(path), out)
        (folder / REPORT_FILE).write_text(report.to_json(indent=2) + "\n", encoding="utf-8")
    return report

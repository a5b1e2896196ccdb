"""The ends of the logs of a cluster's processes."""

import sys
from pathlib import Path

from schemas.errors import UsageError


def print_logs(folder: Path, name: str | None, lines: int) -> None:
    """Print the last lines of one process's log, or of all; raises UsageError for a name that there is not."""
    from runners.clusters.cluster_error import tail
    from runners.clusters.cluster_state import LOGS

    logs = {log.stem: log for log in sorted((folder / LOGS).glob("*.log"))}
    if name is not None and name not in logs:
        known = f"There are: {', '.join(logs)}." if logs else "Nothing was started here."
        raise UsageError(f"There is no log of {name!r}. {known}")
    for each, log in logs.items():
        if name in (None, each):
            sys.stdout.write(f"==> {log} <==\n" + "".join(f"{line}\n" for line in tail(log, lines)))

"""Starting what is missing of a cluster, waiting for it, and stopping all of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from runners.clusters import ports, processes
from runners.clusters.cluster_error import did_not_start
from runners.clusters.cluster_state import ClusterState
from runners.clusters.member import Member
from runners.clusters.progress import Tell

START_PATIENCE_S: Final = 120.0
_PAUSE_S: Final = 0.1


def start_missing(
    state: ClusterState, members: Sequence[Member], environment: Mapping[str, str]
) -> list[str]:
    """Start every member that does not run, noting each at once; returns the names of those started."""
    started = []
    for member in members:
        known = state.members.get(member.name)
        if known is not None and processes.is_alive(known):
            continue
        if known is not None:
            processes.stop(known)  # It died, but what it had started may still run.
        state.members[member.name] = processes.start(
            member.command, state.log_of(member.name), {**environment, **member.environment}, state.folder
        )
        state.write()
        started.append(member.name)
    return started


def await_ready(
    state: ClusterState, members: Sequence[Member], whole: Callable[[], bool], tell: Tell
) -> None:
    """Wait until every member takes connections and the cluster says that it is whole; raises JobError."""
    deadline = time.monotonic() + START_PATIENCE_S
    waiting = {member.name: member for member in members if member.port is not None}
    while True:
        waiting = {name: each for name, each in waiting.items() if not ports.answers(each.port or 0)}
        if not waiting and whole():
            return
        for member in members:
            if not processes.is_alive(state.members[member.name]):
                raise did_not_start(member.name, state.log_of(member.name), "stopped at once")
        if time.monotonic() > deadline:
            last = next(iter(waiting), members[0].name)
            raise did_not_start(last, state.log_of(last), f"was not ready within {START_PATIENCE_S:.0f} s")
        tell(f"waiting for {', '.join(waiting) or 'the cluster to be whole'}")
        time.sleep(_PAUSE_S)


def stop_all(state: ClusterState, first: Sequence[str] = ()) -> list[str]:
    """Stop every process and all that they started, those named `first` before the rest; returns what ran."""
    ordered = [*(name for name in first if name in state.members), *state.members]
    ran = []
    for name in dict.fromkeys(ordered):
        known = state.members[name]
        if processes.remains(known):
            ran.append(name)
        processes.stop(known)
    state.forget()
    return ran


def own_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that members inherit: this process's, without what is meant for it alone."""
    return {name: value for name, value in environment.items() if name not in _NOT_FOR_MEMBERS}


_NOT_FOR_MEMBERS: Final = frozenset({"FLINK_CONF_DIR", "JAVA_TOOL_OPTIONS", "CLASSPATH", "OLDPWD", "PWD"})

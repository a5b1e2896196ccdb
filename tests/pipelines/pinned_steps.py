"""What savepoints hold on to, as text: names, coders and state of the steps, and the layout of all that is kept.

python tests/pipelines/pinned_steps.py > tests/pipelines/steps.txt
"""

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path(__file__).with_name("steps.txt")
HEAD = """\
What savepoints and checkpoints hold on to. Any change here means that state of before cannot be gone on from:
raise FORMAT in transforms/checkpoints.py, say so in CHANGELOG.md, and write this page anew with
python tests/pipelines/pinned_steps.py > tests/pipelines/steps.txt
"""


def page() -> str:
    """Return the page."""
    from recorded_run import recorded

    from runners.job_sources import OpenFolder, OpenKafka, OpenRedisStream
    from transforms.checkpoints import FORMAT
    from transforms.io.read import SourceConfig, Stretch

    recording = recorded()
    parts = [[HEAD.rstrip()], [f"state format {FORMAT}"], list(steps())]
    parts.append(
        ["on Flink, of these:", *(line for line in steps(by_timers=True) if line not in set(steps()))]
    )
    for kind in (Stretch, SourceConfig, OpenFolder, OpenRedisStream, OpenKafka):
        parts.append([f"source: {kind.__name__}", *(f"  {line}" for line in _fields(kind))])
    for name, piece in sorted(recording.pieces.items()):
        for place, batch in enumerate(piece.batches):
            columns = (f"  {column.name}: {column.type}" for column in batch.schema)
            parts.append([f"pieces for {name}: batch {place}", *columns])
    for name, state in sorted(recording.states.items()):
        parts.append([f"snapshot of {name}", *(f"  {line}" for line in sorted(set(layout(state))))])
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def steps(by_timers: bool = False) -> Iterator[str]:
    """Yield each step's unique name, its coders and its state, from the pipeline's portable form."""
    import apache_beam as beam
    from apache_beam.portability.api import beam_runner_api_pb2
    from recorded_run import composed

    portable, context = composed(beam.Pipeline(), Path("events.jsonl"), by_timers=by_timers).to_runner_api(
        return_context=True
    )
    parts = portable.components

    def coder(identifier: str) -> str:
        return _coder(context.coders.get_by_id(identifier), parts.coders[identifier].spec.urn)

    for step in sorted(parts.transforms.values(), key=lambda step: step.unique_name):
        if step.subtransforms:
            continue
        yield f"step {step.unique_name}: {step.spec.urn}"
        for way, tags in (("in", step.inputs), ("out", step.outputs)):
            for tag, collection in sorted(tags.items()):
                yield f"  {way} {tag}: {coder(parts.pcollections[collection].coder_id)}"
        if step.spec.urn != "beam:transform:pardo:v1":
            continue
        payload = beam_runner_api_pb2.ParDoPayload.FromString(step.spec.payload)
        if payload.restriction_coder_id:
            yield f"  restriction: {coder(payload.restriction_coder_id)}"
        for name, spec in sorted(payload.state_specs.items()):
            kind = spec.WhichOneof("spec")
            held = getattr(spec, kind)
            yield f"  state {name}: {kind} of {coder(getattr(held, 'element_coder_id', '') or held.coder_id)}"
        for name in sorted(payload.timer_family_specs):
            yield f"  timer {name}"


def _coder(coder: Any, urn: str) -> str:
    inner = [_coder(each, "") for each in coder._get_component_coders()]
    name = f"{type(coder).__module__}.{type(coder).__name__}".removeprefix("apache_beam.coders.coders.")
    return (f"{urn} " if urn else "") + name + (f"({', '.join(inner)})" if inner else "")


def _fields(kind: Any) -> Iterator[str]:
    """Yield the fields of a class that is pickled into state, and of those that it holds."""
    names = getattr(kind, "_fields", None) or [field.name for field in dataclasses.fields(kind)]
    yield f"{kind.__module__}.{kind.__name__}: {', '.join(names)}"
    for held in sorted(_held(kind), key=lambda held: str(held.__name__)):
        yield from _fields(held)


def _held(kind: Any) -> set[Any]:
    """Return the classes of ours that the annotations of a class name."""
    import typing

    found, left = set(), list(typing.get_type_hints(kind).values())
    while left:
        each = left.pop()
        left += typing.get_args(each)
        is_ours = isinstance(each, type) and each.__module__.startswith("transforms")
        if is_ours and (hasattr(each, "_fields") or dataclasses.is_dataclass(each)):
            found.add(each)
    return found


def layout(value: Any, path: str = "") -> Iterator[str]:
    """Yield where in a snapshot what is held, by type; of equal parts, one."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from layout(
                each, f"{path}.{key}" if isinstance(key, str) else f"{path}.({type(key).__name__})"
            )
    elif isinstance(value, tuple) and not hasattr(value, "_fields"):
        for place, each in enumerate(value):
            yield from layout(each, f"{path}[{place}]")
    elif isinstance(value, list):
        for each in value:
            yield from layout(each, f"{path}[]")
    elif dataclasses.is_dataclass(value):
        yield f"{path}: {type(value).__module__}.{type(value).__name__}"
        for field in dataclasses.fields(value):
            yield from layout(getattr(value, field.name), f"{path}.{field.name}")
    elif hasattr(value, "dtype") and hasattr(value, "ndim"):
        yield f"{path}: {value.ndim}-dimensional {value.dtype}"
    else:
        yield f"{path}: {type(value).__module__}.{type(value).__name__}"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.stdout.write(page())

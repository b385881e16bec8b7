"""The benchmark of the service: `make bench`.

It starts a Redis, a provider and the service, and prints tables in Markdown. With a
base it measures both trees in turn, in the same rounds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

from tests.bench import clients, factors, scale, stages, trees
from tests.bench.figures import AFTER, BEFORE, Figures, replace_blocks
from tests.bench.load import Load
from tests.bench.rounds import CPU, HASHES, Bench
from tests.bench.service import ROOT, TRIVIAL, running
from tests.support import machine

_STARTED = time.monotonic()
_LATEST = {"without hashes": 140, "with hashes": 210}
"""Seconds since the start after which no further round of a kind starts, so that the
benchmark ends within five minutes on a slow machine too."""


def main() -> None:
    """Measure, print the tables, and write them to a page on request."""
    options = _options()
    with ExitStack() as stack:
        load = stack.enter_context(Load())
        found = {AFTER: ROOT}
        if options.base:
            found = {BEFORE: stack.enter_context(trees.checkout(options.base)), **found}
        measure = _scale if options.scale else _costs
        blocks = {}
        for name, text in measure(load, found, options):
            print(f"## {name}\n\n{text}\n", flush=True)
            blocks[name] = text
    if options.write:
        page = options.write.read_text()
        shown = {n: text for n, text in blocks.items() if BEFORE not in n}
        options.write.write_text(replace_blocks(page, shown))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--base", default="", help="a commit or a folder to compare")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each load")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--only", default="", help="parts of the scale, by comma")
    parser.add_argument("--write", type=Path, help="a page with markers")
    return parser.parse_args()


def _scale(
    load: Load, found: Mapping[str, Path], options: argparse.Namespace
) -> Iterator[tuple[str, str]]:
    """Yield the tables about growth, each of one tree."""
    parts = {**scale.PARTS, **factors.PARTS}
    selected = options.only.split(",") if options.only else [*parts]
    for of_apps in {part in factors.PARTS for part in selected}:
        yield "machine-factors" if of_apps else "machine-scale", _note(options)
    for part in selected:
        for name, tree in found.items():
            progress(f"scale: {part}, {name}")
            measurer = scale.Measurer(load, tree, progress)
            suffix = "" if name == AFTER else f", {name}"
            yield f"scale-{part}{suffix}", parts[part](measurer)


def _costs(
    load: Load, found: Mapping[str, Path], options: argparse.Namespace
) -> Iterator[tuple[str, str]]:
    """Yield the tables about sends and checks, with the values of all trees."""
    note, figures = _note(options), Figures()
    _measure(load, found, options, figures, {"OTP_ARGON2": TRIVIAL}, _cheap)
    _measure(load, found, options, figures, {}, _full_cost)
    rounds = (
        f"{figures.rounds(CPU)} rounds without hashes, {figures.rounds(HASHES)} with"
    )
    yield "machine-cost", f"{note}\nThere were {rounds}."
    yield from figures.tables().items()
    progress("CPU by stage")
    yield "stages", stages.measure(load, figures)


def _measure(
    load: Load,
    found: Mapping[str, Path],
    options: argparse.Namespace,
    figures: Figures,
    settings: Mapping[str, str],
    steps: Callable[[Sequence[Bench], int], None],
) -> None:
    """Run the services of all trees, and take *steps* with them."""
    phones = clients.phones()
    with ExitStack() as stack:
        benches = []
        for name, tree in found.items():
            progress(f"start the service {name}")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            service = stack.enter_context(
                running(folder, tree, load.provider_url, options.workers, settings)
            )
            seconds = options.seconds
            benches.append(Bench(name, service, load, phones, figures, seconds))
        steps(benches, options.rounds)


def _cheap(benches: Sequence[Bench], rounds: int) -> None:
    for bench in benches:
        progress(f"memory, round trips and bytes, {bench.tree}")
        bench.at_rest()
        bench.counts()
        bench.bytes()
    _in_turn(benches, rounds, "without hashes", Bench.cheap_round)
    for bench in benches:
        bench.after_load()


def _full_cost(benches: Sequence[Bench], rounds: int) -> None:
    _in_turn(benches, rounds, "with hashes", Bench.full_cost_round)


def _in_turn(
    benches: Sequence[Bench], rounds: int, what: str, step: Callable[[Bench], None]
) -> None:
    """Take *step* with each of *benches* in each round, first with the other one."""
    orders = cycle([benches, benches[::-1]])
    for n, order in zip(range(rounds), orders, strict=False):
        if n and time.monotonic() - _STARTED > _LATEST[what]:
            progress(f"no more rounds {what}: it is late")
            return
        for bench in order:
            progress(f"round {n + 1} of {rounds} {what}, {bench.tree}")
            step(bench)


def _note(options: argparse.Namespace) -> str:
    command = "make bench"
    for name in ("scale", "only", "base"):
        if value := getattr(options, name):
            command += f" {name}={'1' if value is True else value}"
    load = os.getloadavg()[0]
    return (
        f"Measured with `{command}` on {machine.when()}.\n{machine.sentence()}\n"
        f"At the start, other work had a load average of {load:.1f}."
    )


def progress(text: str) -> None:
    """Show what is measured, on standard error."""
    print(f"{time.monotonic() - _STARTED:4.0f} s  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

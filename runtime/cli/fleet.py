"""Many files on a cluster, or from and to a store: only what the manifest does not tell of is done, as it is listed.

What `plan.py` and `run.py` do for files of this machine, where all are known at the beginning and are told in their
order. Here neither is so: jobs are made one page of a listing after the other, and memory does not grow with them.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath

from runtime.cli import manifest
from runtime.cli.engines import Outcomes, Prepare, local, rehearse
from runtime.cli.jobs import Done, Existing, Failed, Job, Outcome, Planned
from runtime.cli.manifest import Manifest, key, state
from runtime.cli.options import Batch
from runtime.cli.places import Address, Place, place
from runtime.cli.plan import files_of, renamed, warn_of_links
from runtime.cli.run import Progress, entry, progress
from runtime.console import complain, say, shown, size
from runtime.errors import InputError

_MOST_TOLD = 20
"""Failures that get a line; the manifest has all."""


@dataclass
class _Sums:
    """What a run has come to."""

    done: int = 0
    planned: int = 0
    skipped: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    damaged: bool = False
    failures: Counter[str] = field(default_factory=Counter)
    """By kind."""
    others: Counter[str] = field(default_factory=Counter)
    """Files that do not have a suffix that counts, by suffix."""
    links: list[Path] = field(default_factory=list)
    """Folders that are not followed."""

    def add(self, outcome: Outcome) -> None:
        """Add what a job came to."""
        if isinstance(outcome, Done):
            self.done += 1
            self.bytes_in += outcome.bytes_in
            self.bytes_out += outcome.bytes_out
            self.damaged |= outcome.damaged
        elif isinstance(outcome, Failed):
            self.failures[outcome.kind] += 1
        self.planned += isinstance(outcome, Planned)


def run_fleet(
    batch: Batch, suffix: str, accepted: Collection[str], prepare: Prepare, made_with: object
) -> tuple[int, bool]:
    """Do the work that prepare returns on each file that is missing or changed; return the exit status, and whether
    any file was damaged.

    Outputs get the suffix; accepted are the suffixes that count in a folder. `made_with` says by its repr how a file is
    made: where that has changed, outputs of ours are made anew.
    """
    sources, output = _places(batch, suffix, accepted)
    sums, start = _Sums(), time.perf_counter()
    recipe = key(repr(made_with)).hex()
    jobs = _jobs(batch, sources, output, suffix, accepted, recipe, sums)
    first = next(jobs, None)  # fails in one line, where it fails
    rows = None if batch.dry_run else Manifest(output)
    engine = rehearse if batch.dry_run else _engine(batch, sources, output)
    with progress(None, batch) as bar:
        _expect(bar, sources, accepted)
        try:
            if first:
                with closing(engine(prepare, _begun(rows, first, jobs))) as answers:
                    _record(answers, rows, recipe, sums, bar, batch)
        finally:
            if rows:
                rows.flush()
    _tell(sums, time.perf_counter() - start, batch)
    return 1 if sums.failures else 0, sums.damaged


def _begun(rows: Manifest | None, first: Job, others: Iterator[Job]) -> Iterator[Job]:
    """Yield jobs, once an engine asks for them and there is a manifest."""
    if rows:
        rows.begin()
    yield first
    yield from others


def _record(answers: Outcomes, rows: Manifest | None, recipe: str, sums: _Sums, bar: Progress, batch: Batch) -> None:
    """Write a row of each job as it is done, and print what failed."""
    skipped = 0
    for job, outcome in answers:
        sums.add(outcome)
        row = entry(job, outcome)
        if rows:
            made = {"version": job.version, "made_with": recipe}
            rows.add(row | made | {"failure": outcome.kind if isinstance(outcome, Failed) else None})
        with bar.step(1 + sums.skipped - skipped):
            skipped = sums.skipped
            _tell_one(job, outcome, sums, batch)
            if batch.json:
                say(None, json.dumps(row))


def _tell_one(job: Job, outcome: Outcome, sums: _Sums, batch: Batch) -> None:
    """Print on stderr what is wrong with a file, or on stdout what would be made of it."""
    if isinstance(outcome, Failed):
        told = sums.failures.total()
        if told <= _MOST_TOLD:
            named = str(job.source) in outcome.reason
            complain(outcome.reason if named else f"{job.source}: {outcome.reason}", outcome.trace)
        if told == _MOST_TOLD and not batch.dry_run:
            complain("what else fails is in the manifest")
    elif isinstance(outcome, Done) and outcome.damaged and not batch.quiet:
        complain(f"warning: {job.source}: {'; '.join(outcome.notes)}")
    elif isinstance(outcome, Planned) and not (batch.quiet or batch.json):
        say(None, f"{shown(job.source)} -> {shown(job.target)}")


def _tell(sums: _Sums, seconds: float, batch: Batch) -> None:
    """Print the sums."""
    failed = sums.failures.total()
    if sums.others and not batch.quiet:
        counts = ", ".join(f"{count} {suffix or 'without one'}" for suffix, count in sums.others.most_common(9))
        complain(f"warning: skipped files that do not have a suffix of ours: {counts}")
    warn_of_links(sums.links, batch)
    if batch.json:
        numbers = {"done": sums.done, "skipped": sums.skipped, "failed": failed, "failures": dict(sums.failures)}
        numbers |= {"planned": sums.planned} if batch.dry_run else {}
        numbers |= {"bytes_in": sums.bytes_in, "bytes_out": sums.bytes_out, "seconds": round(seconds, 1)}
        say(None, json.dumps({"summary": numbers}))
    elif not batch.quiet:
        files = f"{sums.done + sums.planned} of {sums.done + sums.planned + sums.skipped + failed} files"
        files += " would be made" if batch.dry_run else ""
        files += f", {sums.skipped} skipped" if sums.skipped else ""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sums.failures.most_common())
        files += f", {failed} failed ({kinds})" if failed else ""
        took = f"{size(sums.bytes_in)} -> {size(sums.bytes_out)}, {seconds:.1f} s, {sums.done / seconds:.1f} files/s"
        say(None, f"{files}; nothing is done" if batch.dry_run else f"{files}, {took}")


# --- which files, and where to ----------------------------------------------------------------------------------------


def _places(batch: Batch, suffix: str, accepted: Collection[str]) -> tuple[list[Place], Place]:
    """Return where files come from and where they go; raise InputError where the arguments do not go together."""
    if "-" in (*batch.inputs, batch.output):
        raise InputError("a fleet reads no stdin and writes no stdout; give files, folders or addresses")
    if batch.output is None:
        raise InputError("give -o FOLDER or -o s3://BUCKET/FOLDER: there the manifest is kept, too")
    if PurePath(batch.output).suffix.lower() in {suffix, *accepted}:
        raise InputError(f"-o {batch.output} names a file; with --engine ray or addresses give a folder")
    if batch.skip_larger:
        raise InputError("--skip-larger is for this machine's files alone; leave it out, or --engine ray and addresses")
    sources, output = [place(text) for text in dict.fromkeys(batch.inputs)], place(batch.output)
    if batch.keep_times and any(isinstance(one, Address) for one in (*sources, output)):
        raise InputError(
            "--keep-times gives files their times, which stores do not let us; leave it out, or give folders"
        )
    return sources, output


def _jobs(
    batch: Batch,
    sources: Sequence[Place],
    output: Place,
    suffix: str,
    accepted: Collection[str],
    recipe: str,
    sums: _Sums,
) -> Iterator[Job]:
    """Yield a job for each file that is missing or changed, as it is listed; count the others.

    An output that the manifest tells of is replaced where its input or the settings have changed.
    """
    made = manifest.made(output)
    present: set[bytes] = set()
    if made or batch.existing is Existing.SKIP:
        present = {key(str(target)) for target, _ in _listed(output, [])}
        made = {output_key: of for output_key, of in made.items() if output_key in present}
    taken = _Taken(len(sources) == 1)
    other = "name another with -o" if batch.keep_name else "give --keep-name, or name another with -o"
    for source, below, version in _files(sources, accepted, batch.recursive, sums):
        below = renamed(below, suffix, batch.keep_name)
        target = output / below
        output_key, input_key = key(str(target)), key(str(source))
        of = made.get(output_key)
        ours = of is not None and of[0] == input_key
        existing = Existing.OVERWRITE if ours or batch.existing is Existing.OVERWRITE else Existing.EQUAL
        error = None
        if source.suffix.lower() == suffix:
            error = InputError(f"{source} is a {suffix} file already; compress takes pictures, decompress .gar files")
        elif isinstance(source, Address) and source.odd:
            error = InputError(f"{source}: names with //, /./ or ?versionId= are not read; copy it to another name")
        elif not taken.add(below):
            error = InputError(f"{source}: its output {target} is also that of another file; {other}")
        elif of == (input_key, state(version, recipe)) or (batch.existing is Existing.SKIP and output_key in present):
            sums.skipped += 1
            continue
        yield Job(source, target, existing, True, error, keep_times=batch.keep_times, version=version)


class _Taken:
    """Outputs that files have, to find a second file of one.

    In a listing in alphabetical order files of one output are neighbours: all names that begin with `a.` follow each
    other, but for what is in folders of such names. So of one listing only these are kept, else all.
    """

    def __init__(self, in_order: bool):
        self._in_order = in_order
        self._seen: dict[PurePath, tuple[str, set[PurePath]]] = {}
        """By folder."""

    def add(self, target: PurePath) -> bool:
        """Add an output, and return whether it was free."""
        folder, begin = target.parent, ""
        if self._in_order:
            begin = target.name.split(".")[0]
            self._seen = {above: seen for above, seen in self._seen.items() if above in (folder, *folder.parents)}
        if self._seen.get(folder, ("", set()))[0] != begin or folder not in self._seen:
            self._seen[folder] = begin, set()
        seen = self._seen[folder][1]
        free = target not in seen
        seen.add(target)
        return free


def _files(
    sources: Iterable[Place], accepted: Collection[str], recursive: bool, sums: _Sums
) -> Iterator[tuple[Place, PurePath, str]]:
    """Yield the files that count with their paths below the source and their versions; note what is left out."""
    for source in sources:
        found = False
        for file, version in _listed(source, sums.links):
            found = True
            if file == source:
                yield file, PurePath(file.name), version
            elif not recursive:
                raise InputError(f"{source} is a folder; give -r to take the files in it")
            elif file.suffix.lower() in accepted:
                yield file, PurePath(str(file)).relative_to(PurePath(str(source))), version
            else:
                sums.others[file.suffix.lower()] += 1
        if not found:
            raise InputError(f"{source}: there is no file, or no folder with files")


def _listed(folder: Place, links: list[Path]) -> Iterator[tuple[Place, str]]:
    """Yield the files below a folder, or the file itself, each with what tells it from a later one of its name.

    `links` gets the folders that are not followed.
    """
    if not isinstance(folder, Path):
        from runtime.cli import stores

        yield from stores.listed(folder)
        return
    for path in [folder] if folder.is_file() else files_of(folder, links):
        try:
            found = path.stat()
            yield path, f"{found.st_size}-{found.st_mtime_ns}"
        except OSError as error:
            if path.is_symlink() or not isinstance(error, FileNotFoundError):  # else it has gone since
                yield path, ""  # reading it fails


def _expect(bar: Progress, sources: Sequence[Place], accepted: Collection[str]) -> None:
    """Count the files meanwhile, so that the bar can tell how long it will take."""

    def count() -> None:
        with suppress(Exception):  # whatever it is, the run tells of it
            bar.expect(sum(1 for _ in _files(sources, accepted, True, _Sums())))

    if bar.shown:
        threading.Thread(target=count, daemon=True).start()


def _engine(batch: Batch, sources: Sequence[Place], output: Place) -> "partial[Outcomes]":
    """Return what does the jobs."""
    if batch.engine == "ray":
        from runtime.cli.cluster import on_cluster

        bundle = [batch.bundle] if batch.bundle is not None and batch.bundle.exists() else []
        shared = [path for path in (*sources, *bundle) if isinstance(path, Path)]
        return partial(on_cluster, batch=batch, inputs=shared, output=output if isinstance(output, Path) else None)
    return partial(_here, at_a_time=batch.at_a_time)


def _here(prepare: Prepare, jobs: Iterable[Job], at_a_time: int) -> Outcomes:
    """Do jobs on this machine."""
    return local(prepare, list(jobs), at_a_time)

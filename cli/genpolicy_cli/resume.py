"""``agent resume``."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from genpolicy.errors import OptionError, RunError, StoppedError, UsageError
from genpolicy_cli import completion, flags, trackers
from genpolicy_cli.execution import carry_out, carry_out_together, refuse_gaps
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, say
from genpolicy_cli.results import show_results
from genpolicy_cli.writable import writable

if TYPE_CHECKING:
    import torch

    from genpolicy.discovery import Catalogue
    from genpolicy.evaluation.workers import Workers
    from genpolicy.registry import Registry, RunDetail
    from genpolicy.runs.launch import Launch, RunResult
    from genpolicy.runs.meeting import Meeting
    from genpolicy.tracker import TrackerRecipe


def resume(
    words: Annotated[
        list[str],
        typer.Argument(
            help="The runs' ids, or how they begin; and tracker.NAME.KEY=VALUE, options of "
            "trackers.",
            metavar="RUN…",
            autocompletion=completion.runs,
            show_default=False,
        ),
    ],
    alone: Annotated[
        bool,
        typer.Option("--alone", help="Go on without those that trained as one program with it."),
    ] = False,
    eval_workers: Annotated[int, flags.eval_workers()] = 0,
    device: Annotated[str, flags.device()] = "auto",
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    tracker: Annotated[list[str] | None, trackers.option()] = None,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    plugin: flags.Files = None,
) -> None:
    """Go on with runs that were interrupted, killed or failed, from their last checkpoints.

    A run that trained as one program with others goes on with all of these that are not finished;
    of several runs that are named only with those. Then it comes out as if nothing had happened.
    """
    own, others = trackers.split([word for word in words if "=" in word])
    if others:
        raise OptionError(
            f"a resumed run keeps its recipe, and {others[0]!r} would change it; only "
            "tracker.NAME.KEY=VALUE can be set"
        )
    named = [word for word in words if "=" not in word]
    if not named:
        raise UsageError("name a run to resume; `agent runs` lists them")
    parts = catalogue()
    mirrors = trackers.named_trackers(parts, tracker or [], own)
    with writable(registry, create=False) as opened:
        from genpolicy.devices import choose_device
        from genpolicy.evaluation.workers import Workers
        from genpolicy.runs.programs import varied_options

        with Workers(eval_workers) as workers:
            work = _Resumption(
                registry=opened,
                parts=parts,
                place=choose_device(device),
                mirrors=mirrors,
                workers=workers,
                alone=alone,
                quiet=quiet,
            )
            ended = list(work.run(opened.find(named)))
    results = [each for each in ended if not isinstance(each, BaseException)]
    if results:
        options = varied_options([result.recipe for result in results])
        show_results(results, as_json=as_json, options=options)
    for failure in (each for each in ended if isinstance(each, BaseException)):
        raise failure
    refuse_gaps(results)


@attrs.frozen(eq=False, kw_only=True)
class _Resumption:
    """What is needed to take up runs."""

    registry: "Registry"
    parts: "Catalogue"
    place: "torch.device"
    mirrors: "Mapping[str, TrackerRecipe]"
    workers: "Workers"
    alone: bool
    quiet: bool

    def run(self, runs: Sequence[str]) -> "Iterator[RunResult | BaseException]":
        """Take up the runs, those of one program together, and return what each came to."""
        done: set[str] = set()
        for run in runs:
            if run not in done:
                detail = self.registry.run(run)
                meeting = self._meeting(detail, runs)
                done |= {run} if meeting is None else {each.id for each in meeting.runs}
                yield from self._go_on(detail, meeting, last=len(runs) == 1)

    def _meeting(self, run: "RunDetail", runs: Sequence[str]) -> "Meeting | None":
        """Return where a run meets its companions, if it has any that go on with it."""
        from genpolicy.runs.companions import companions
        from genpolicy.runs.meeting import meeting_of

        names = companions(run)
        if self.alone or not names or run.state == "finished":
            return None
        found = meeting_of(run, self.registry, runs if len(runs) > 1 else None)
        if found is None:
            say(
                f"run {run.id} goes on alone: of those that trained as one program with it none is "
                "left that stands where it does"
            )
        return found

    def _go_on(
        self, run: "RunDetail", meeting: "Meeting | None", *, last: bool
    ) -> "Sequence[RunResult | BaseException]":
        if meeting is not None:
            return self._together(meeting)
        try:
            return [self._alone(run)]
        except StoppedError:
            raise
        except RunError as error:
            if last:
                raise
            say(f"run {run.id}: {error}")
            return [error]

    def _alone(self, run: "RunDetail") -> "RunResult":
        from genpolicy.runs import resumption

        _tell_of_gaps(run)
        with err().status("loading parts and data"):
            taken = resumption.resume(
                run,
                registry=self.registry,
                catalogue=self.parts,
                device=self.place,
                trackers=self.mirrors,
                say=say,
                workers=self.workers,
            )
        self._introduce([taken])
        return carry_out(taken, quiet=self.quiet)

    def _together(self, meeting: "Meeting") -> "Sequence[RunResult | BaseException]":
        from genpolicy.runs.meeting import take_up

        for run in meeting.runs:
            _tell_of_gaps(run)
        with err().status("loading parts and data"):
            taken = take_up(
                meeting,
                registry=self.registry,
                catalogue=self.parts,
                device=self.place,
                trackers=self.mirrors,
                say=say,
                workers=self.workers,
            )
        self._introduce(taken)
        ended = carry_out_together(taken, quiet=self.quiet, names=meeting.names, seed=meeting.seed)
        for launch, end in zip(taken, ended, strict=True):
            if isinstance(end, BaseException):
                say(f"run {launch.run_id}: {end}")
        return ended

    def _introduce(self, taken: "Sequence[Launch]") -> None:
        if self.quiet:
            return
        first = taken[0].runner
        at = f"at step {first.learner.step:,} of {first.total_steps:,}, {self.place}"
        if len(taken) == 1:
            err().print(f"run {taken[0].run_id} goes on {at}")
        else:
            names = ", ".join(launch.run_id for launch in taken)
            text = f"runs {names} train as one program and go on together {at}"
            err().print(text, soft_wrap=True)


def _tell_of_gaps(detail: "RunDetail") -> None:
    from genpolicy.registry.spill import FILE_NAME

    kept = Path(detail.start.directory) / FILE_NAME
    if kept.exists():
        say(
            f"the registry lacks what is in {str(kept)!r}; once the run is over, "
            f"`agent runs import {kept.parent}` takes it in"
        )

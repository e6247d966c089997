"""Several runs of one recipe, seed by seed, that train as one program.

Every run goes its own course, with its own checkpoints, scores and end; only steps and looks are
taken for all at once. One that fails leaves the others alone.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, closing

import attrs
import torch

from genpolicy.dataset import Batch
from genpolicy.observer import Observer
from genpolicy.training.look import Look, take_together
from genpolicy.training.members import Members, StackedUpdate
from genpolicy.training.runner import Outcome, Runner, Turn

End = Outcome | Exception
Course = Generator[Turn | Look, None, Outcome]


def run_together(runners: Sequence[Runner], observers: Sequence[Sequence[Observer]]) -> list[End]:
    """Run all to their ends.

    What is random in their training, beside their first weights, comes from one stream that begins
    with the first run's seed: the same runs together come out the same, bit for bit.

    Args:
        runners: Runs of one recipe but for its seed, at the same step.
        observers: Told how each goes.

    Returns:
        What each left, or why it ended.
    """
    with ExitStack() as open_courses:
        courses = [
            open_courses.enter_context(closing(runner.course(told)))
            for runner, told in zip(runners, observers, strict=True)
        ]
        return _Together(runners, courses).run()


class _Together:
    def __init__(self, runners: Sequence[Runner], courses: Sequence[Course]) -> None:
        self._runners, self._courses = runners, courses
        self._ends: dict[int, End] = {}

    def run(self) -> list[End]:
        if not self._runners[0].learner.step:
            torch.manual_seed(self._runners[0].recipe.seed)
        members = Members([runner.learner for runner in self._runners])
        entered, updates = -1, list[StackedUpdate]()
        while turns := self._turns():
            first = next(iter(turns.values()))
            if first.number != entered:
                entered, updates = first.number, members.enter(first.number, first.stage)
            members.take_step(_joined([turns.get(k, first).draw() for k in self._all]), updates)
        return [self._ends[number] for number in self._all]

    @property
    def _all(self) -> range:
        return range(len(self._runners))

    def _turns(self) -> dict[int, Turn]:
        """Return the next step of every run that goes on."""
        turns = self._next([number for number in self._all if number not in self._ends])
        while looks := {n: turn for n, turn in turns.items() if isinstance(turn, Look)}:
            take_together(list(looks.values()))
            turns |= self._next(looks)
            turns = {number: turn for number, turn in turns.items() if number not in self._ends}
        return {number: turn for number, turn in turns.items() if isinstance(turn, Turn)}

    def _next(self, numbers: Iterable[int]) -> dict[int, Turn | Look]:
        """Let runs go on to their next step or look, or to their ends."""
        turns = {}
        for number in numbers:
            try:
                turns[number] = next(self._courses[number])
            except StopIteration as over:
                self._ends[number] = over.value
            except Exception as error:
                self._ends[number] = error
        return turns


def _joined(batches: Sequence[Batch]) -> Batch:
    names = [field.name for field in attrs.fields(Batch)]
    return Batch(**{name: torch.cat([getattr(each, name) for each in batches]) for name in names})

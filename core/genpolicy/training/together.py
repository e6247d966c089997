"""Several runs, member by member, that train as one program.

Every run goes its own course, with its own checkpoints, scores and end; only steps and looks are
taken for all at once. One that fails leaves the others alone.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing

import attrs
import torch

from genpolicy.dataset import joined
from genpolicy.observer import Observer
from genpolicy.training.checkpoint import State
from genpolicy.training.learner import Learner
from genpolicy.training.look import Look, take_together
from genpolicy.training.members import Members, StackedUpdate
from genpolicy.training.runner import Outcome, Runner, Turn

End = Outcome | Exception
Course = Generator[Turn | Look, None, Outcome]


@attrs.frozen(kw_only=True)
class Origin:
    """What a program was when it began, where some no longer take part.

    Args:
        count: How many began together; random numbers are drawn for all of them still.
        places: The number of each that goes on among those.
        seed: The seed of the first of all.
    """

    count: int
    places: Sequence[int]
    seed: int


def run_together(
    runners: Sequence[Runner],
    observers: Sequence[Sequence[Observer]],
    ended: Callable[[int, End], None],
    origin: Origin | None = None,
) -> None:
    """Run all to their ends.

    What is random in their training, beside their first weights, comes from one stream that begins
    with the first run's seed: the same runs together come out the same, bit for bit.

    Args:
        runners: Runs that differ by their seeds and by numbers which losses read, at the same step.
        observers: Told how each goes.
        ended: Told as soon as one is over, by its number, what it left or why it ended.
        origin: Among which they began, if not among themselves.
    """
    count, seed = len(runners), runners[0].recipe.seed
    origin = origin or Origin(count=count, places=range(count), seed=seed)
    pace = runners[0].pace
    for runner in runners:
        runner.pace = pace
    with ExitStack() as open_courses:
        courses = [
            open_courses.enter_context(closing(runner.course(told)))
            for runner, told in zip(runners, observers, strict=True)
        ]
        _Together(runners, courses, ended, origin).run()


class _Together:
    def __init__(
        self,
        runners: Sequence[Runner],
        courses: Sequence[Course],
        ended: Callable[[int, End], None],
        origin: Origin,
    ) -> None:
        self._runners, self._courses = runners, courses
        self._origin, self._places = origin, origin.places
        self._ended, self._over = ended, set[int]()

    def run(self) -> None:
        if not self._runners[0].learner.step:
            torch.manual_seed(self._origin.seed)
        members = Members(self._learners())
        entered, updates = -1, list[StackedUpdate]()
        while turns := self._turns():
            first = next(iter(turns.values()))
            if first.number != entered:
                entered, updates = first.number, members.enter(first.number, first.stage)
                self._forget_all_but(turns, members)
            own = {self._places[number]: turn for number, turn in turns.items()}
            drawn = [own.get(place, first).draw() for place in range(len(members.learners))]
            members.take_step(joined(drawn), updates)

    def _learners(self) -> list[Learner]:
        """Return a learner for every place; one that nobody takes is held by a copy."""
        own = dict(zip(self._places, self._runners, strict=True))
        return [
            own[place].learner if place in own else _copy_of(self._runners[0])
            for place in range(self._origin.count)
        ]

    def _forget_all_but(self, turns: dict[int, Turn], members: Members) -> None:
        """Forget the metrics of whom nobody asks for them: those of a new stage are others."""
        going = {self._places[number] for number in turns}
        for place, learner in enumerate(members.learners):
            if place not in going:
                learner.means.clear()

    def _turns(self) -> dict[int, Turn]:
        """Return the next step of every run that goes on."""
        going = [number for number in range(len(self._runners)) if number not in self._over]
        found = self._next(going)
        turns = {number: turn for number, turn in found.items() if isinstance(turn, Turn)}
        while looks := {n: turn for n, turn in found.items() if isinstance(turn, Look)}:
            take_together(list(looks.values()))
            found = self._next(looks)
            turns |= {number: turn for number, turn in found.items() if isinstance(turn, Turn)}
        return dict(sorted(turns.items()))

    def _next(self, numbers: Iterable[int]) -> dict[int, Turn | Look]:
        """Let runs go on to their next step or look, or to their ends."""
        turns = {}
        for number in numbers:
            try:
                turns[number] = next(self._courses[number])
            except StopIteration as over:
                self._end(number, over.value)
            except Exception as error:
                self._end(number, error)
        return turns

    def _end(self, number: int, end: End) -> None:
        self._over.add(number)
        self._ended(number, end)


def _copy_of(runner: Runner) -> Learner:
    """Return a learner in the same state, drawing no random number."""
    state, learner = runner.learner.state(), runner.learner
    copy = Learner(learner.recipe, learner.shapes, learner.device)
    tensors = {name: tensor.clone() for name, tensor in state.tensors.items()}
    copy.load(State(tensors, state.facts), runner.stages)
    return copy

"""The training loop, which knows no algorithm: stages, checkpoints, looks at the score.

An objective says which losses train together and for how long; everything else is here. Whatever a
run draws at random comes from torch's global random numbers, which are seeded at its start, saved
with every checkpoint and restored on resuming, so that a resumed run is the run that was never
stopped. Scoring and acting draw from generators of their own.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import torch

from genpolicy.agent import Agent, shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Batch, Dataset
from genpolicy.errors import DivergedError, StoppedError
from genpolicy.evaluation.workers import Workers
from genpolicy.objective import Stage
from genpolicy.observer import Observer
from genpolicy.records import HELD_OUT, EvaluationRecord, EventRecord, MetricsRecord, Selection
from genpolicy.training.checkpoint import State, read_checkpoint, write_checkpoint
from genpolicy.training.constants import ConstantSampler, with_constants
from genpolicy.training.learner import Learner, course_of
from genpolicy.training.look import Look
from genpolicy.training.looks import Looks
from genpolicy.training.metrics import Snapshot
from genpolicy.training.online import OnlineSampler
from genpolicy.training.outbox import Outbox
from genpolicy.training.pace import Pace
from genpolicy.training.part import PartSampler
from genpolicy.training.record_facts import record_as_json, record_from_json
from genpolicy.training.sampler import Sampler
from genpolicy.training.unseen import Unseen
from genpolicy.training.update import Update

DrawsBatches = Sampler | PartSampler | ConstantSampler | OnlineSampler

_STEPS_PER_CALL = 10  # observers hear of every tenth step: often enough for a progress bar
_PATIENCE = 0.2  # seconds, while another process scores, until we look whether to stop


@attrs.frozen(eq=False, kw_only=True)
class Outcome:
    """What a finished run leaves.

    Args:
        agent: The trained agent.
        folder: Where it was saved.
        evaluation: Its final score; ``None`` for data without an environment.
        offline: The score with which it began to act online, if it did.
        held_out: For data without an environment, what the data tell of it: held-out losses, and
            fitted-Q values, by metric.
    """

    agent: Agent
    folder: Path
    evaluation: EvaluationRecord | None
    offline: EvaluationRecord | None = None
    held_out: Mapping[str, float] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Turn:
    """The next step of a run.

    Args:
        number: The number of its stage.
        stage: Its stage.
        sampler: Draws its batch.
        updates: What trains in it.
    """

    number: int
    stage: Stage
    sampler: DrawsBatches
    updates: Sequence[Update]

    def draw(self) -> Batch:
        """Return the step's batch."""
        return self.sampler.draw(self.stage.batch_size)

    def take(self, learner: Learner) -> None:
        """Take the step."""
        learner.take_step(self.draw(), self.updates)


class Runner:
    """One run: trains, looks, saves, scores.

    Args:
        recipe: What to train; checked to fit.
        dataset: What to train on.
        run: The run's id.
        folder: Where checkpoints and the agent go.
        device: Where the models live.
        sampler: Draws from the dataset; made if there is none yet.
        workers: Who plays looks and scores, if not this process; it makes no other difference.
    """

    def __init__(
        self,
        recipe: AgentRecipe,
        dataset: Dataset,
        *,
        run: str,
        folder: Path,
        device: torch.device,
        sampler: Sampler | None = None,
        workers: Workers | None = None,
    ) -> None:
        torch.set_num_threads(recipe.train.threads)
        torch.manual_seed(recipe.seed)
        self.recipe, self.dataset, self.run_id, self.folder = recipe, dataset, run, folder
        self.learner = Learner(recipe, shapes_of(dataset), device)
        whole = sampler or Sampler(dataset, device, recipe.train.resident)
        self._unseen = Unseen(recipe, dataset, whole)
        self.sampler = self._unseen.sampler
        self.stages = course_of(recipe)
        acts = recipe.train.online_steps > 0
        self._online = OnlineSampler(recipe, dataset, whole, device) if acts else None
        self._offline: EvaluationRecord | None = None
        self.observers: Sequence[Observer] = ()
        self._looks = Looks(recipe, dataset, workers)
        self._outbox = Outbox()
        self._pending: list[tuple[str, Snapshot]] = []
        self.pace = Pace(recipe.train.checkpoint_seconds)
        self._saved_step = 0

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return sum(stage.steps for stage in self.stages)

    def restore(self, step: int | None = None) -> tuple[int, list[str]]:
        """Take up the newest whole checkpoint, if there is one.

        Args:
            step: After which step it was written, if not the newest is meant; 0 for none.

        Returns:
            How many steps are done already, and a sentence per damaged checkpoint passed over.

        Raises:
            CheckpointError: It does not fit the installed parts.
        """
        state, passed = read_checkpoint(self.folder / "checkpoints", step)
        if state is not None:
            self.learner.load(state, self.stages)
            self._looks.load(state)
            if self._online is not None:
                self._online.load(state)
                offline = state.facts.get("offline")
                self._offline = record_from_json(offline) if offline is not None else None
        self._saved_step = self.learner.step
        return self.learner.step, passed

    def stop(self) -> None:
        """Ask the run to save a checkpoint and stop after the step it is taking.

        While the finished agent is scored, it stops before the environments' next step.
        """
        self.pace.stop()

    def run(self, observers: Sequence[Observer]) -> Outcome:
        """Train all stages that are left, save the agent and score it.

        Raises:
            DataError: The dataset's environment cannot be made; found before the first step.
            DivergedError: A loss stopped being finite.
            StoppedError: It was asked to stop.
            CheckpointError: The disk does not take a checkpoint.
        """
        course = self.course(observers)
        try:
            while True:
                next(course).take(self.learner)
        except StopIteration as over:
            outcome: Outcome = over.value
            return outcome
        finally:
            course.close()

    def course(self, observers: Sequence[Observer]) -> Generator[Turn | Look, None, Outcome]:
        """Go through all that :meth:`run` does but steps and looks: yield each, to be taken.

        Whoever drives several runs may so take a step of all at once, or a look at all.
        """
        self.observers = observers
        try:
            self._looks.open(self.stages[self.learner.stage :])
            self._warn(self._unseen.oddity)
            for number in range(self.learner.stage, len(self.stages)):
                yield from self._train(number)
            return (yield from self._finish())
        finally:
            self._looks.close()
            if self._online is not None:
                self._online.close()

    def _train(self, number: int) -> Iterator[Turn | Look]:
        stage = self.stages[number]
        updates = self.learner.enter(number, stage)
        first = self.learner.step - self.learner.index
        for observer in self.observers:
            observer.on_stage(stage.name, first, first + stage.steps)
        looks, sampler = self._looks.steps(stage), self._sampler_of(stage)
        while self.learner.index < stage.steps:
            yield Turn(number, stage, sampler, updates)
            self._after_step(stage)
            if self.learner.index in looks:
                yield from self._look(stage)
            if self.learner.index == stage.steps and self._goes_online_after(number):
                yield from self._score_offline(stage)
            if self.pace.stops(self.learner.step):
                self._stop(stage)
            elif self.pace.is_due(self.learner.step):
                self._save(stage)
        self._close_metrics(stage)
        self._deliver(stage)
        self._save(stage)

    def _goes_online_after(self, number: int) -> bool:
        return self._online is not None and number == len(self.stages) - 2

    def _score_offline(self, stage: Stage) -> Iterator[Look]:
        """Save and score what the data alone taught, before the agent learns from acting.

        A checkpoint of this step is written afterwards, so that none lacks the score.
        """
        self._settle(stage)
        agent, step = self._finished_agent(), self.learner.step
        artifact = attrs.evolve(agent.save(self.folder / "offline-agent"), step=step)
        record = yield from self._score(agent, stage.name, "offline")
        assert record is not None, "whoever acts online has an environment"
        self._offline = record
        for observer in self.observers:
            observer.on_artifact(artifact)
            observer.on_evaluation(record)

    def _agent(self) -> Agent:
        role = self.recipe.objective.acting_role
        return self.learner.agent(role, self.dataset, self.run_id)

    def _finished_agent(self) -> Agent:
        """Return the agent that is kept, which knows what data it learnt from."""
        agent = self._agent()
        agent.data = self.dataset.fingerprint()
        return agent

    def _sampler_of(self, stage: Stage) -> DrawsBatches:
        """Return what draws a stage's batches; online, the agent acts for them from now on."""
        if self._online is None or stage is not self.stages[-1]:
            over = self.learner.index == stage.steps
            return self.sampler if over else with_constants(self.sampler, self.learner, stage)
        if self.learner.index < stage.steps:
            self._warn(self._online.open(self._agent()))
        return self._online

    def _after_step(self, stage: Stage) -> None:
        learner = self.learner
        for event in learner.compiling.news():
            for observer in self.observers:
                observer.on_event(event)
        if learner.step % self.recipe.train.log_every == 0:
            self._deliver(stage)
            self._close_metrics(stage)
        if learner.step % _STEPS_PER_CALL == 0:
            self._hand_on()
            for observer in self.observers:
                observer.on_step(learner.step)

    def _close_metrics(self, stage: Stage) -> None:
        snapshot = self.learner.means.close(self.learner.step)
        if snapshot is not None:
            self._pending.append((stage.name, snapshot))

    def _deliver(self, stage: Stage) -> None:
        """Hand on the metrics that were closed a stretch ago, and by now have arrived."""
        pending, self._pending = self._pending, []
        for name, snapshot in pending:
            values = snapshot.values()
            self._outbox.put(MetricsRecord(stage=name, step=snapshot.step, values=values))
            self._hand_on()
            self._guard(stage, snapshot)

    def _hand_on(self, *, wait: bool = False) -> None:
        """Tell what there is to tell, in the order of its steps; or all, waiting for looks."""
        for item in self._outbox.ready(wait=wait):
            if isinstance(item, MetricsRecord):
                for observer in self.observers:
                    observer.on_metrics(item)
            else:
                record = self._looks.record(item)
                self._warn(item.oddity)
                for observer in self.observers:
                    observer.on_evaluation(record)

    def _settle(self, stage: Stage) -> None:
        """Tell all there is to tell up to this step."""
        self._deliver(stage)
        self._hand_on(wait=True)

    def _guard(self, stage: Stage, snapshot: Snapshot) -> None:
        bad = snapshot.first_bad_step()
        if bad is None:
            return
        self._hand_on(wait=True)
        odd = [name for name, value in snapshot.values().items() if not abs(value) < float("inf")]
        raise DivergedError(
            f"the loss of stage {stage.name!r} stopped being finite at step {bad} of "
            f"{self.total_steps} ({', '.join(odd) or 'the loss itself'}); {self._advice(stage)}"
        )

    def _guard_weights(self, stage: Stage) -> None:
        """Look at the weights as well: a finite loss may have had a gradient that was not."""
        bad = self.learner.not_finite()
        if bad is not None:
            raise DivergedError(
                f"the weights of {bad!r} stopped being finite in stage {stage.name!r} by step "
                f"{self.learner.step} of {self.total_steps}; {self._advice(stage)}"
            )

    def _advice(self, stage: Stage) -> str:
        rates = " and ".join(f"{role}'s {rate:g}" for role, rate in stage.learning_rates.items())
        return f"{self._kept()}; try a lower learning rate than {rates}, or train.clip_norm=1"

    def _kept(self) -> str:
        if self._saved_step:
            return f"the checkpoint of step {self._saved_step} is kept"
        return "there was no checkpoint yet"

    def _look(self, stage: Stage) -> Iterator[Look]:
        self._deliver(stage)
        look = self._looks.look(self.learner, stage)
        yield look
        self._outbox.put(look)
        self._hand_on()

    def _score(
        self, agent: Agent, stage: str, selection: Selection
    ) -> Generator[Look, None, EvaluationRecord | None]:
        step = self.learner.step
        look = self._looks.score(agent, step, stage, selection, self._go_on)
        if look is None:
            return None
        yield look
        while not look.wait(_PATIENCE):
            self._go_on()
        record = look.record()
        self._warn(look.oddity)
        return record

    def _save(self, stage: Stage) -> None:
        self._settle(stage)
        snapshot = self.learner.means.peek(self.learner.step)
        if snapshot is not None:
            self._guard(stage, snapshot)
        self._guard_weights(stage)
        for observer in self.observers:
            observer.before_checkpoint()
        artifact = write_checkpoint(self.folder / "checkpoints", self.learner.step, self._state())
        self._saved_step = self.learner.step
        self.pace.saved()
        for observer in self.observers:
            observer.on_artifact(artifact)

    def _state(self) -> State:
        """Return everything that the rest of the run depends on."""
        states = [self.learner.state(), self._looks.state()]
        if self._online is not None:
            states.append(self._online.state())
        if self._offline is not None:
            states.append(State({}, {"offline": record_as_json(self._offline)}))
        return State(
            {name: tensor for state in states for name, tensor in state.tensors.items()},
            {name: fact for state in states for name, fact in state.facts.items()},
        )

    def _stop(self, stage: Stage) -> None:
        self._save(stage)
        raise StoppedError(
            f"run {self.run_id} was stopped at step {self.learner.step} of {self.total_steps}; "
            f"`agent resume {self.run_id}` goes on from there"
        )

    def _finish(self) -> Generator[Look, None, Outcome]:
        agent = self._finished_agent()
        evaluation = self._looks.counted(agent)
        for model in agent.models.all().values():
            model.eval()
        folder = self.folder / "agent"
        step = self.learner.step if evaluation is None else evaluation.step
        artifact = attrs.evolve(agent.save(folder), step=step)
        for observer in self.observers:
            observer.on_event(
                EventRecord(kind="scoring", message="training is done", step=self.learner.step)
            )
            observer.on_artifact(artifact)
        if evaluation is None:
            evaluation = yield from self._score(agent, self.stages[-1].name, "last")
        if evaluation is not None:
            for observer in self.observers:
                observer.on_evaluation(evaluation)
        return Outcome(
            agent=agent,
            folder=folder,
            evaluation=evaluation,
            offline=self._offline,
            held_out=self._score_by_data(agent),
        )

    def losses_held_out(self) -> dict[str, float]:
        """Return the losses of held-out data, by metric; nothing of data with an environment."""
        return self._unseen.losses(self.learner)

    def values_by_data(self, agent: Agent) -> dict[str, float]:
        """Return an agent's value and the data's, by metric; nothing with an environment."""
        return self._unseen.values(agent, self._go_on)

    def _score_by_data(self, agent: Agent) -> dict[str, float]:
        values = {**self.losses_held_out(), **self.values_by_data(agent)}
        if values:
            record = MetricsRecord(stage=HELD_OUT, step=self.learner.step, values=values)
            for observer in self.observers:
                observer.on_metrics(record)
        return values

    def _go_on(self) -> None:
        if self.pace.stop_asked:
            raise StoppedError(
                f"run {self.run_id} was stopped while it was scored; `agent resume "
                f"{self.run_id}` scores it again"
            )

    def _warn(self, message: str | None) -> None:
        if message is not None:
            event = EventRecord(kind="warning", message=message, step=self.learner.step)
            for observer in self.observers:
                observer.on_event(event)

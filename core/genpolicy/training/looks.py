"""Scores of a policy, during training and at its end."""

from collections.abc import Callable, Iterable

import attrs

from genpolicy.agent import Agent
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.needs import acting_needs
from genpolicy.dataset import Dataset
from genpolicy.evaluation.evaluator import Evaluator
from genpolicy.evaluation.protocol import LOOKS, check_looks
from genpolicy.evaluation.workers import Workers
from genpolicy.objective import Stage
from genpolicy.records import LOOK, EvaluationRecord, Selection
from genpolicy.training.checkpoint import State
from genpolicy.training.counted import Counted
from genpolicy.training.learner import Learner
from genpolicy.training.look import Look


class Looks:
    """Scores policies in a dataset's environment.

    Some protocols make the final score of looks during training. Those count that fall into the
    last stage which trains what acts, and they are played by the whole protocol.

    Args:
        recipe: What is trained, and how it is scored.
        dataset: Whose environment it is; without one nothing is scored.
        workers: Who plays the episodes, if not this process.
    """

    def __init__(
        self, recipe: AgentRecipe, dataset: Dataset, workers: Workers | None = None
    ) -> None:
        self._recipe, self._dataset, self._workers = recipe, dataset, workers
        self._evaluators: dict[bool, Evaluator] = {}
        self._counted = Counted(recipe.evaluation)
        self._counting: Stage | None = None

    def open(self, stages: Iterable[Stage]) -> None:
        """Make an environment of those that looks and the final score will need.

        Raises:
            DataError: It cannot be made, or does not go with the data.
            OptionError: The stage whose looks count has fewer than the protocol scores.
        """
        if self._dataset.environment is None:
            return
        stages = list(stages)
        if LOOKS[self._recipe.evaluation.selection]:
            self._counting = self._last_to_train_what_acts(stages)
        if self._counting is not None:
            where = f"stage {self._counting.name!r} of {self._counting.steps} steps has {{}}"
            check_looks(self._recipe.evaluation, len(self.steps(self._counting)), where)
        self._evaluator(look=False)

    def steps(self, stage: Stage) -> frozenset[int]:
        """Return after which of a stage's steps to look at the score."""
        count = self._recipe.train.looks
        if self._dataset.environment is None or self._role(stage) is None:
            return frozenset()
        return frozenset(round(stage.steps * k / count) for k in range(1, count + 1)) - {0}

    def look(self, learner: Learner, stage: Stage) -> Look:
        """Return a look at the stage's policy, on a few episodes, or on all of them if it counts.

        It is to be taken before the next step, and its score to be given to :meth:`record`.
        """
        role = self._role(stage)
        assert role is not None
        counts = learner.index in self._counted_steps(stage)
        return Look(
            agent=learner.agent(role, self._dataset, ""),
            evaluator=self._evaluator(look=not counts),
            stage=stage.name,
            step=learner.step,
            keep=counts,
            workers=self._workers,
        )

    def record(self, look: Look) -> EvaluationRecord:
        """Return the record of a look that was taken; earlier ones were asked for before."""
        label = self._recipe.evaluation.label + look.evaluator.environment.told
        record = attrs.evolve(look.record(), protocol=label + LOOK)
        if look.packed is not None and look.keep:
            self._counted.add(record, look.packed)
        return record

    def counted(self, agent: Agent) -> EvaluationRecord | None:
        """Return the final score that looks amount to, and make the agent the one that is scored.

        Args:
            agent: The finished agent; where the best look is scored, it gets the weights of that.

        Returns:
            The score; ``None`` where the protocol scores the finished agent.
        """
        self._counted.give_weights(agent)
        return self._counted.final()

    def state(self) -> State:
        """Return what the final score will need of the looks so far, for a checkpoint."""
        return self._counted.state()

    def load(self, state: State) -> None:
        """Take up what a checkpoint knows of the looks before it."""
        self._counted.load(state)

    def score(
        self,
        agent: Agent,
        step: int,
        stage: str,
        selection: Selection,
        go_on: Callable[[], None],
    ) -> Look | None:
        """Return the score of an agent by the whole protocol; ``None`` without an environment.

        Args:
            agent: The agent.
            step: How many steps it was trained.
            stage: The stage that it comes from.
            selection: Which checkpoint it is.
            go_on: Called before every decision; what it raises ends the evaluation.
        """
        if self._dataset.environment is None:
            return None
        return Look(
            agent=agent,
            evaluator=self._evaluator(look=False),
            stage=stage,
            step=step,
            selection=selection,
            go_on=go_on,
            workers=self._workers,
        )

    def close(self) -> None:
        """Close the environments."""
        for evaluator in self._evaluators.values():
            evaluator.close()
        self._evaluators = {}

    def _role(self, stage: Stage) -> str | None:
        """Return the role that acts as a stage stands: the acting one, or what it will copy."""
        acting_role = self._recipe.objective.acting_role
        sources = [later.copies.get(acting_role) for later in self._recipe.objective.stages()]
        for role in (acting_role, *sources):
            if role in stage.learning_rates:
                return role
        return acting_role if stage == self._counting else None

    def _last_to_train_what_acts(self, stages: Iterable[Stage]) -> Stage | None:
        needs = acting_needs(self._recipe)
        acts = {need.role for need in needs if need.kind == "backbone"}
        acts |= {self._recipe.objective.acting_role}
        acts |= {"critic" for need in needs if need.kind == "critic"}
        found = [stage for stage in stages if acts & stage.learning_rates.keys()]
        return found[-1] if found else None

    def _counted_steps(self, stage: Stage) -> frozenset[int]:
        """Return after which of a stage's steps the looks are by the whole protocol."""
        if stage != self._counting:
            return frozenset()
        selection = self._recipe.evaluation.selection
        last = LOOKS[selection] if selection == "mean-of-last-three" else 0
        return frozenset(sorted(self.steps(stage))[-last:])

    def _evaluator(self, *, look: bool) -> Evaluator:
        protocol = self._recipe.evaluation
        if look:
            episodes = min(self._recipe.train.look_episodes, protocol.episodes)
            protocol = attrs.evolve(protocol, episodes=episodes)
        if look not in self._evaluators:
            self._evaluators[look] = Evaluator.of(self._dataset, protocol)
        return self._evaluators[look]

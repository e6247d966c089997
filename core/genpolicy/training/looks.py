"""Scores of a policy, during training and at its end."""

from collections.abc import Iterable

import attrs

from genpolicy.agent import Agent
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.evaluation.evaluator import Act, Evaluator
from genpolicy.objective import Stage
from genpolicy.records import LOOK, EvaluationRecord
from genpolicy.training.learner import Learner
from genpolicy.training.modes import acting


class Looks:
    """Scores policies in a dataset's environment.

    Args:
        recipe: What is trained, and how it is scored.
        dataset: Whose environment it is; without one nothing is scored.
    """

    def __init__(self, recipe: AgentRecipe, dataset: Dataset) -> None:
        self._recipe, self._dataset = recipe, dataset
        self._evaluators: dict[bool, Evaluator] = {}

    def open(self, stages: Iterable[Stage]) -> None:
        """Make the environments that looks in these stages and the final score will need.

        Raises:
            DataError: One cannot be made, or does not go with the data.
        """
        if self._dataset.environment is None:
            return
        self._evaluator(look=False)
        if any(self.steps(stage) for stage in stages):
            self._evaluator(look=True)

    def steps(self, stage: Stage) -> frozenset[int]:
        """Return after which of a stage's steps to look at the score."""
        count = self._recipe.train.looks
        if self._dataset.environment is None or self._role(stage) is None:
            return frozenset()
        return frozenset(round(stage.steps * k / count) for k in range(1, count + 1))

    def look(self, learner: Learner, stage: Stage) -> EvaluationRecord:
        """Score the stage's policy on a few episodes."""
        role = self._role(stage)
        assert role is not None
        agent = learner.agent(role, self._dataset, "")
        evaluator = self._evaluator(look=True)
        with acting(agent.models.all().values()):
            record = evaluator.evaluate(agent.act, stage=stage.name, step=learner.step)
        return attrs.evolve(record, protocol=self._recipe.evaluation.label + LOOK)

    def score(self, agent: Agent, act: Act, step: int, stage: str) -> EvaluationRecord | None:
        """Score a finished agent by the whole protocol; ``None`` without an environment.

        Args:
            agent: The agent.
            act: Asked for its actions.
            step: How many steps it was trained.
            stage: The stage that it comes from.
        """
        if self._dataset.environment is None:
            return None
        evaluator = self._evaluator(look=False)
        with acting(agent.models.all().values()):
            return evaluator.evaluate(act, stage=stage, step=step, selection="last")

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
        return None

    def _evaluator(self, *, look: bool) -> Evaluator:
        protocol = self._recipe.evaluation
        if look:
            episodes = min(self._recipe.train.look_episodes, protocol.episodes)
            protocol = attrs.evolve(protocol, episodes=episodes)
        if look not in self._evaluators:
            self._evaluators[look] = Evaluator.of(self._dataset, protocol)
        return self._evaluators[look]

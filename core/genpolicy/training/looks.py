"""Scores of a policy, during training and at its end."""

import attrs

from genpolicy.agent import Agent
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.evaluation.evaluator import Evaluator
from genpolicy.objective import Stage
from genpolicy.records import LOOK, EvaluationRecord
from genpolicy.training.learner import Learner


class Looks:
    """Scores policies in a dataset's environment, which is made when first needed.

    Args:
        recipe: What is trained, and how it is scored.
        dataset: Whose environment it is; without one nothing is scored.
    """

    def __init__(self, recipe: AgentRecipe, dataset: Dataset) -> None:
        self._recipe, self._dataset = recipe, dataset
        self._evaluators: dict[str, Evaluator] = {}

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
        training = agent.models.roles["policy"].training
        agent.models.roles["policy"].eval()
        record = self._evaluator(look=True).evaluate(agent.act, stage=stage.name, step=learner.step)
        agent.models.roles["policy"].train(training)
        return record

    def score(self, agent: Agent, step: int, stage: str) -> EvaluationRecord | None:
        """Score a finished agent by the whole protocol; ``None`` without an environment."""
        if self._dataset.environment is None:
            return None
        agent.models.roles["policy"].eval()
        evaluator = self._evaluator(look=False)
        return evaluator.evaluate(agent.act, stage=stage, step=step, selection="last")

    def close(self) -> None:
        """Close the environments."""
        for evaluator in self._evaluators.values():
            evaluator.close()
        self._evaluators = {}

    def _role(self, stage: Stage) -> str | None:
        """Return the role that acts as a stage stands: the acting one, or what it will copy."""
        acting = self._recipe.objective.acting_role
        sources = [later.copies.get(acting) for later in self._recipe.objective.stages()]
        for role in (acting, *sources):
            if role in stage.learning_rates:
                return role
        return None

    def _evaluator(self, *, look: bool) -> Evaluator:
        protocol = self._recipe.evaluation
        if look:
            protocol = attrs.evolve(
                protocol,
                name=protocol.name + LOOK,
                episodes=min(self._recipe.train.look_episodes, protocol.episodes),
            )
        if protocol.name not in self._evaluators:
            self._evaluators[protocol.name] = Evaluator.of(self._dataset, protocol)
        return self._evaluators[protocol.name]

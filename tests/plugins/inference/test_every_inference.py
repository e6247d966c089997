"""Every inference and every way of choosing, in the suite of its kind."""

import pytest

from genpolicy.discovery.catalogue import Catalogue
from genpolicy.inference import Inference
from genpolicy.testing import InferenceSuite
from genpolicy_plugins.inference.best_of import BestOf
from genpolicy_plugins.inference.energy_guidance import EnergyGuidance
from genpolicy_plugins.inference.guidance import Guidance
from genpolicy_plugins.inference.sample import SampleOnce

VARIANTS: dict[str, Inference] = {
    "sample": SampleOnce(),
    "sample-still": SampleOnce(temperature=0.0),
    "best-of": BestOf(candidates=4),
    "best-of-softmax": BestOf(candidates=4, choose="softmax"),
    "best-of-expectile": BestOf(candidates=4, choose="expectile"),
    "guidance": Guidance(),
    "energy-guidance": EnergyGuidance(),
}


class TestEveryInference(InferenceSuite):
    @pytest.fixture(params=VARIANTS)
    def part(self, request: pytest.FixtureRequest) -> Inference:
        return VARIANTS[request.param]


def test_every_inference_is_tried_here(catalogue: Catalogue) -> None:
    known = {catalogue.load(part, Inference) for part in catalogue.parts("inference")}
    assert known == {type(part) for part in VARIANTS.values()}

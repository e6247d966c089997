"""What a part must not change: the state that the whole process shares."""

import random

import attrs
import numpy as np
import torch


@attrs.frozen(eq=False)
class Surroundings:
    """Python's and numpy's random numbers, and torch's defaults.

    Args:
        facts: Their values by name.
    """

    facts: dict[str, object]

    @classmethod
    def now(cls) -> "Surroundings":
        """Look at them."""
        return cls(
            {
                "python's random numbers": random.getstate(),
                "numpy's random numbers": str(np.random.get_state(legacy=False)),
                "torch's default dtype": torch.get_default_dtype(),
                "torch's default device": torch.get_default_device(),
                "torch's gradient mode": torch.is_grad_enabled(),
                "torch's inference mode": torch.is_inference_mode_enabled(),
                "torch's threads": torch.get_num_threads(),
                "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
                "torch's matrix precision": torch.get_float32_matmul_precision(),
            }
        )

    def changes(self) -> list[str]:
        """Return the names of what is different now."""
        now = Surroundings.now().facts
        return [name for name, value in self.facts.items() if now[name] != value]

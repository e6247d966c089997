"""A dataset made of nothing, for tests that make one; other processes import it by this name."""

import os
import signal
import time

import attrs
import numpy as np

from genpolicy.errors import DataError
from genpolicy.making import Maker, Shard, made, split
from genpolicy.making.maker import derived_seed


@attrs.frozen(kw_only=True)
class Counter(Maker):
    """Makes random numbers, three rows at a time."""

    size: int = 10
    seconds: float = 0.0
    fails: str = ""
    transitions: int = 45
    seed: int = 7

    def shards(self, transitions, seed):
        sizes = split(transitions, self.size)
        return tuple(
            Shard(index=k, transitions=size, seed=derived_seed(seed, k))
            for k, size in enumerate(sizes)
        )

    def make(self, shard):
        if shard.index == 2:
            self._fail()
        random = np.random.default_rng(shard.seed)
        for size in split(shard.transitions, 3):
            time.sleep(self.seconds)
            yield {"x": random.random((size, 2)), "k": np.full(size, shard.index)}

    def dataset(self, shards):
        raise NotImplementedError

    def _fail(self):
        if self.fails == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fails == "refuses":
            raise DataError("there is no simulator")
        if self.fails == "breaks":
            raise ZeroDivisionError("oh")


def whole(maker, folder, jobs=1, transitions=45, tell=lambda more: None):
    with made(maker, maker.shards(transitions, 7), folder, jobs=jobs, tell=tell) as shards:
        return {name: shards.whole(name) for name in shards.names()}

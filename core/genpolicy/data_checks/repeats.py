"""Whether episodes are there twice."""

import hashlib
from typing import TYPE_CHECKING

from genpolicy.data_checks.findings import Finding
from genpolicy.transforms.episodes import episode_lengths, episode_stops

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset

REPEATS = "repeated episodes"


def repeated_episodes(data: "Dataset") -> Finding | None:
    """Find episodes of several steps that equal an earlier one in all they saw and did."""
    stops, lengths = episode_stops(data), episode_lengths(data)
    seen: set[bytes] = set()
    again = []
    for stop, length in zip(stops.tolist(), lengths.tolist(), strict=True):
        if length > 1:
            told = _told(data, stop - length, stop)
            if told in seen:
                again.append(stop - length)
            seen.add(told)
    if not again:
        return None
    return Finding(
        check=REPEATS,
        verdict="odd",
        what=f"{len(again)} of {len(lengths)} episodes are copies of earlier ones, the first "
        f"begins at row {again[0]}",
        row=again[0],
        rows=len(again),
        advice="leave the copies out: they count twice, and held-out episodes are known",
    )


def _told(data: "Dataset", start: int, stop: int) -> bytes:
    digest = hashlib.blake2b(data.observation[start:stop].tobytes(), digest_size=16)
    digest.update(data.action[start:stop].tobytes())
    return digest.digest()

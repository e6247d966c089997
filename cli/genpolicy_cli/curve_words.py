"""What learning curves are called, and what their picture says of itself."""

from collections.abc import Sequence

from genpolicy.comparison.curves import Curve, LearningCurves
from genpolicy_cli.words import count, option_value, short


def curve_label(curve: Curve) -> str:
    """Return what a curve is called, such as ``"gmpg, 5 seeds"``."""
    words = [_word(told.key, told.value) for told in curve.differences]
    return ", ".join([*words, count(len(curve.seeds), "seed")])


def caption(curves: LearningCurves) -> str:
    """Return what the lines and markers stand for."""
    sizes = {len(curve.seeds) for curve in curves.curves}
    over = ["seeds"] if max(sizes) > 1 else []
    over += ["episodes"] if min(sizes) == 1 else []
    texts = ["bold: mean over seeds"] if max(sizes) > 1 else []
    if any(len(curve.mean) > 1 for curve in curves.curves):
        texts.append("dotted: policy unchanged")
    texts.append(f"each look: {_sizes(curves.look_episodes)}")
    if curves.final_episodes:
        each = " per seed" if max(sizes) > 1 else ""
        final = f"final: {_sizes(curves.final_episodes)}{each}"
        texts.append(f"{final}, 95 % interval over {' or '.join(over)}")
    return " · ".join(texts)


def _word(key: str, value: object) -> str:
    if value is None and "." not in key:
        return f"no {key}"
    if key == "recipe":
        return f"recipe {value}"
    return f"{key}={option_value(value)}" if "." in key else short(str(value))


def _sizes(sizes: Sequence[int]) -> str:
    if len(sizes) == 1:
        return count(sizes[0], "episode")
    return f"{sizes[0]:,} to {count(sizes[-1], 'episode')}"

"""A trained agent as one graph in a file: its solver unrolled, its noise an input.

The graph has the inputs

    observation   [batch, observation]   in the environment's numbers
    noise         [batch, n]             independent, of mean 0 and standard deviation 1
    uniform       [batch, m]             independent, between 0 and 1; only where such are drawn

and the output ``action``, ``[batch, *action]``, inside the box and in the environment's numbers. A
row of ``noise`` holds all that is drawn for one observation, in order: what its samples start from,
which the graph itself multiplies by the prior's standard deviation, then what the solver draws on
its way. The file's metadata say so draw by draw.
"""

from genpolicy.export.files import FORMS, export
from genpolicy.export.layout import Layout
from genpolicy.export.unrolled import Unrolled, unroll

__all__ = ["FORMS", "Layout", "Unrolled", "export", "unroll"]

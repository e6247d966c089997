"""What steps, samples and single actions cost on this machine, beside what they cannot do without.

The floor of a piece of work is its matrix products alone (:mod:`genpolicy.bench.floor`).

::

    from genpolicy.bench.contests import contests
    from genpolicy.bench.turns import hold
    figures = [figure for contest in contests(...) for figure in hold(contest, rounds=10)]
"""

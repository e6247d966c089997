"""Acting apart from its noise, so that it can be one graph."""

from genpolicy.acting.alone import Alone
from genpolicy.acting.decision import Decide, Decision
from genpolicy.acting.draws import Draw, draws_of

__all__ = ["Alone", "Decide", "Decision", "Draw", "draws_of"]

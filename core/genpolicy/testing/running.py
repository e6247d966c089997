"""Runs suites without pytest, one outcome per check."""

import inspect
import traceback
from collections.abc import Iterator
from typing import Literal
from unittest import SkipTest

import attrs

from genpolicy.discovery.words import describe
from genpolicy.recipe import Recipe
from genpolicy.testing.suite import ExpectedFailure, NotConcerned, Suite

State = Literal["passed", "failed", "expected", "skipped", "not concerned"]


@attrs.frozen(kw_only=True)
class Outcome:
    """How one check of one part went.

    Args:
        check: What was checked, as a sentence.
        state: ``passed``; ``failed``; ``expected`` if it failed as the part says that it does;
            ``skipped`` if it cannot be made here; ``not concerned`` if it is about an ability that
            the part does not have.
        detail: What failed, or why it was skipped or expected.
        why: Why it matters.
        traceback: Where it failed.
    """

    check: str
    state: State
    detail: str = ""
    why: str = ""
    traceback: str = ""


def run_suite(suite: type[Suite], part: Recipe) -> Iterator[Outcome]:
    """Run every check of a suite on a part.

    Yields:
        One outcome per check, in the order in which they are written.
    """
    for name in suite.checks():
        yield _outcome(suite(), name, part)


def _outcome(suite: Suite, name: str, part: Recipe) -> Outcome:
    check = getattr(suite, name)
    sentence = name.removeprefix("test_").replace("_", " ")
    why = " ".join((inspect.getdoc(check) or "").partition("\n\n")[0].split())
    try:
        check(part)
    except ExpectedFailure as failure:
        return Outcome(check=sentence, state="expected", detail=str(failure), why=why)
    except NotConcerned as skip:
        return Outcome(check=sentence, state="not concerned", detail=str(skip), why=why)
    except SkipTest as skip:
        return Outcome(check=sentence, state="skipped", detail=str(skip), why=why)
    except (Exception, SystemExit) as error:
        return failed(sentence, error, why)
    return Outcome(check=sentence, state="passed", why=why)


def failed(check: str, error: BaseException, why: str = "") -> Outcome:
    """Return the outcome of a check that raised."""
    text = " ".join(str(error).split())
    said = text if isinstance(error, AssertionError) and text else describe(error)
    trace = "".join(traceback.format_exception(error))
    return Outcome(check=check, state="failed", detail=said, why=why, traceback=trace)

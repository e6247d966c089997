"""What is typed of which runs are meant."""

from datetime import UTC, datetime, timedelta

import pytest

from genpolicy.errors import UsageError
from genpolicy_cli.run_query import Filters, moment_of


@pytest.fixture
def in_tokyo(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_date_is_midnight_where_the_user_is(in_tokyo):
    assert moment_of("2026-07-01", "--since") == datetime(2026, 6, 30, 15, tzinfo=UTC)
    assert moment_of("2026-07-01T18:30", "--since") == datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
    assert moment_of("2026-07-01T18:30Z", "--since") == datetime(2026, 7, 1, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "passed"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("1.5D", timedelta(days=1.5)),
        (" 2w ", timedelta(weeks=2)),
    ],
)
def test_an_age_is_so_long_ago(age, passed):
    ago = datetime.now(UTC) - moment_of(age, "--since")
    assert abs(ago - passed) < timedelta(seconds=5)


@pytest.mark.parametrize("text", ["yesterday", "7", "7y", "", "2026-13-01", "-3d", "99999999999w"])
def test_what_is_no_time_is_refused_with_what_would_be(text):
    with pytest.raises(UsageError) as caught:
        moment_of(text, "--until")
    assert str(caught.value) == (
        "--until takes a date such as 2026-07-01, a time such as 2026-07-01T18:30, or an age such "
        f"as 90m, 12h, 7d or 2w; got {text!r}"
    )


def test_filters_become_a_query():
    filters = Filters(
        dataset=["pointmaze/*"], backbone=["flow", "dif*"], tag=["a", "b"], seed=[1, 2], min_score=3
    )
    query = filters.query(ids=("x",), sort="score", reverse=True, limit=5)
    assert query.parts == {"backbone": ("flow", "dif*")}
    assert (query.datasets, query.tags, query.seeds) == (("pointmaze/*",), ("a", "b"), (1, 2))
    assert (query.ids, query.sort, query.reverse, query.limit) == (("x",), "score", True, 5)
    assert (query.min_score, query.max_score, query.since) == (3, None, None)
    assert filters.given
    assert not Filters().given


def test_an_unknown_state_is_refused():
    with pytest.raises(UsageError, match=r"there is no state 'finishd'; did you mean 'finished'\?"):
        Filters(state=["finishd"]).query()

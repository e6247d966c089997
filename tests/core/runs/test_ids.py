import re

from genpolicy.runs import ids as run_ids
from genpolicy.runs.ids import new_run_id


def test_run_ids_are_short_and_have_no_letters_that_look_alike():
    assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{12}", new_run_id())


def test_run_ids_do_not_repeat():
    assert len({new_run_id() for _ in range(50)}) == 50


def test_run_ids_sort_by_the_time_they_were_made(monkeypatch):
    now = 1_800_000_000.0
    made = []
    for delay in (0.0, 0.125, 1.0, 3600.0, 1e8, 2e9):
        monkeypatch.setattr(run_ids.time, "time", lambda delay=delay: now + delay)
        made.append(new_run_id())
    assert made == sorted(made)

"""Which checks of the conformance suites take more than a second."""

import pytest

from genpolicy.testing.suite import Suite

SLOW = ("test_it_compiles_as_one_graph", "test_it_learns_", "test_listing_it_imports_nothing_heavy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        of_suite = isinstance(item, pytest.Function) and issubclass(item.cls or object, Suite)
        if of_suite and item.name.startswith(SLOW):
            item.add_marker(pytest.mark.slow)

"""Paths for all Python tests, tools/ (the servers) and tests/e2e (what the tests share), and the fixtures."""

import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
for folder in (TOP / "tools", TOP / "tests" / "e2e"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

# The servers and the application, for every folder of tests.
from fixtures import servers_to_break, own_servers, pytest_runtest_makereport, server_factory, servers, stack, state_dir  # noqa: E402,F401


def pytest_configure(config):
    config.addinivalue_line("markers", "timing: judges durations; run once more when it failed (see e2e/patience.py)")

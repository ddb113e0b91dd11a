"""template.env is what `tipster config` prints, and every verb explains itself."""

import subprocess

import pytest

from fixtures import BUILD
from stack import TOP

VERBS = ["serve", "ingest", "index", "migrate", "company", "key", "generate", "import", "check", "config"]


def tipster(*arguments):
    return subprocess.run([BUILD / "tipster", *arguments], capture_output=True, text=True, timeout=20, check=False,
                          env={"PATH": "/usr/bin:/bin"})


def test_template_env_is_current():
    assert (TOP / "template.env").read_text() == tipster("config").stdout


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb):
    done = tipster(verb, "--help")
    assert done.returncode == 0 and "Usage: tipster " + verb in done.stdout and "Example" in done.stdout, done
    assert verb in tipster("--help").stdout


@pytest.mark.parametrize("verb", VERBS)
def test_unknown_options_are_refused(verb):
    done = tipster(verb, "--no-such-option")
    assert done.returncode == 2 and done.stderr, done


def test_unknown_verb():
    done = tipster("fly")
    assert done.returncode == 2 and "no such verb: fly" in done.stderr


def test_bad_setting_is_named():
    done = subprocess.run([BUILD / "tipster", "migrate"], capture_output=True, text=True, check=False, env={"PORT": "x"})
    assert done.returncode == 2 and "PORT must be an integer" in done.stderr

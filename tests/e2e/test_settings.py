"""template.env is what `tipster config` prints, and a bad setting is named."""

import subprocess

from fixtures import BUILD
from stack import TOP


def tipster(*arguments):
    return subprocess.run([BUILD / "tipster", *arguments], capture_output=True, text=True, timeout=20, check=False,
                          env={"PATH": "/usr/bin:/bin"})


def test_template_env_is_current():
    assert (TOP / "template.env").read_text() == tipster("config").stdout


def test_bad_setting_is_named():
    done = subprocess.run([BUILD / "tipster", "migrate"], capture_output=True, text=True, check=False, env={"PORT": "x"})
    assert done.returncode == 2 and "PORT must be an integer" in done.stderr

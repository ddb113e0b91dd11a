"""template.env is what `tipster config` prints, and a bad setting is named."""

import json
import re
import subprocess

from fixtures import BUILD
from stack import TOP


def tipster(*arguments):
    return subprocess.run([BUILD / "tipster", *arguments], capture_output=True, text=True, timeout=20, check=False,
                          env={"PATH": "/usr/bin:/bin"})


def test_template_env_is_current():
    assert (TOP / "template.env").read_text() == tipster("config").stdout


def test_settings_as_json():
    rows = json.loads(tipster("config", "--json").stdout)
    names = re.findall(r"^#([A-Z_]+)=(.*)$", (TOP / "template.env").read_text(), re.MULTILINE)
    assert [(row["name"], row["default"]) for row in rows] == names and all(row["help"] for row in rows)


def test_bad_setting_is_named():
    done = subprocess.run([BUILD / "tipster", "migrate"], capture_output=True, text=True, check=False, env={"PORT": "x"})
    assert done.returncode == 2 and "PORT must be an integer" in done.stderr

"""Dockerfile and docker-compose.yml: what public linters say of them, and that they fit what they use. No container runs here."""

from __future__ import annotations

import re
import subprocess

from servers import DEPS, TOP

LINT = DEPS / "lint" / "bin"


def clean(*argv: object) -> None:
    done = subprocess.run([str(part) for part in argv], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linters_have_nothing_to_say() -> None:
    clean(LINT / "hadolint", "--failure-threshold", "warning", "Dockerfile")
    clean(LINT / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


def test_the_images_steps_are_the_projects_scripts() -> None:
    text = (TOP / "Dockerfile").read_text()
    build, _, final = text.partition("\nFROM debian:12-slim\n")
    assert re.findall(r"^RUN (.*)$", build, re.MULTILINE) == ["tools/install deb", "tools/deps librdkafka", "tools/package"]
    assert re.findall(r"^(?:USER|ENTRYPOINT) .*$", final, re.MULTILINE) == ["USER tipster", 'ENTRYPOINT ["tipster"]']
    for names in re.findall(r"^COPY (?!--from)(.+) \S+$", build, re.MULTILINE):
        assert all((TOP / name).exists() for name in names.split())


def test_compose_sets_what_there_is() -> None:
    settings = set(re.findall(r"^#(\w+)=", (TOP / "template.env").read_text(), re.MULTILINE))
    compose = (TOP / "docker-compose.yml").read_text()
    used = set(re.findall(r"^ {4,6}(DATABASE_URL|KAFKA_BOOTSTRAP_SERVERS|TRUSTED_PROXIES|INGEST_INSTANCE):", compose, re.MULTILINE))
    assert len(used) == 4 and used <= settings
    assert set(re.findall(r"command: \[([a-z]+)\]", compose)) - {"infinity"} == {"migrate", "ingest", "index", "serve"}
    assert "${TIPSTER_NODE-" in (TOP / "conf" / "proxy" / "haproxy.cfg").read_text() and "TIPSTER_NODE: serve" in compose

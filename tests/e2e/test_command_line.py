"""What every verb of `tipster` owes whoever types it: help, exit codes, completion in real shells, a manual page."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path
from typing import Iterator

import pytest

from fixtures import BUILD
from stack import TOP

TIPSTER = BUILD / "tipster"
ENVIRONMENT = {"PATH": f"{BUILD}:/usr/bin:/bin"}
WIDTH = 80


def tipster(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([TIPSTER, *arguments], capture_output=True, text=True, timeout=30, check=False,
                          env={**ENVIRONMENT, **(env or {})})


def listed_verbs() -> list[str]:
    """The verbs of `tipster --help`, of a build that is there when tests are collected."""
    if not TIPSTER.exists():
        return []
    return re.findall(r"^  ([a-z]+) +\S", tipster("--help").stdout.split("Settings come")[0], re.MULTILINE)


VERBS = listed_verbs()


def options_of(verb: str) -> list[str]:
    return re.findall(r"^  --([a-z-]+)", tipster(verb, "--help").stdout, re.MULTILINE)


def test_the_list_of_verbs() -> None:
    assert {"serve", "ingest", "index", "migrate", "company", "key", "generate", "import", "check", "view", "config"} <= set(VERBS)
    alone = tipster()
    assert alone.returncode == 2 and not alone.stdout and "Usage: tipster" in alone.stderr


@pytest.mark.parametrize("arguments, says", [
    (["fly"], "no such verb: fly"),
    (["help", "fly"], "no such verb: fly"),
    (["--verison"], "no such option: --verison"),
    (["--env"], "this option wants a value: --env"),
])
def test_no_verb(arguments: list[str], says: str) -> None:
    done = tipster(*arguments)
    assert done.returncode == 2 and done.stdout == "" and done.stderr == f"tipster: {says} (tipster --help)\n"


def test_other_ways_to_ask_for_help() -> None:
    assert tipster("-h").stdout == tipster("help").stdout == tipster("--help").stdout
    asked = tipster("migrate", "--help")
    for arguments in (["migrate", "-h"], ["help", "migrate"], ["--help", "migrate"], ["--env=absent", "help", "migrate"]):
        assert tipster(*arguments).stdout == asked.stdout != "" and tipster(*arguments).returncode == 0, arguments


def test_env_joined_to_its_file(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("PORT=x\n")
    for arguments in (["--env", str(file)], [f"--env={file}"]):
        done = tipster(*arguments, "migrate")
        assert done.returncode == 2 and "PORT must be an integer" in done.stderr, done


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example_and_exit_codes(verb: str) -> None:
    done = tipster(verb, "--help", env={"PORT": "no port"})  # a wrong setting does not keep anybody from reading
    assert done.returncode == 0 and done.stderr == "", done
    assert f"Usage: tipster {verb}" in done.stdout
    assert re.search(r"^Exit codes:\n  0 ", done.stdout, re.MULTILINE)
    examples = re.search(r"^Examples?:\n((?:  .*\n)+)\Z", done.stdout, re.MULTILINE)
    assert examples and "tipster" in examples[1]
    prose = done.stdout[:examples.start()]
    assert [line for line in prose.splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"serve", "ingest", "index", "completion", "man"}))
def test_what_prints_results_takes_json(verb: str) -> None:
    """With each of its commands; the others run until they are stopped, or print a text that is a script or a page."""
    said = tipster(verb, "--help").stdout
    usages = " ".join(said.split("\n\n")[0].split()).split(f"tipster {verb}")[1:]
    assert usages and "json" in options_of(verb)
    assert [usage for usage in usages if "[--json]" not in usage and "[OPTION…]" not in usage] == []


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_use_is_one_line_and_exit_code_2(verb: str) -> None:
    actions = re.findall(rf"^(?:Usage:|      ) tipster {verb} ([a-z]+)(?: |$)", tipster(verb, "--help").stdout, re.MULTILINE)
    for arguments in ([*actions[:1], "--no-such-option"], [*actions[:1], "-x"], [*actions[:1], "--help=yes"]):
        done = tipster(verb, *arguments)
        assert done.returncode == 2 and done.stdout == "", done
        assert len(done.stderr.splitlines()) == 1 and f"(tipster {verb} --help)" in done.stderr, done.stderr


@pytest.mark.parametrize("arguments, says", [
    (["migrate", "--only", "both"], "--only must be database or kafka, is 'both'"),
    (["migrate", "--only", "database kafka"], "--only must be database or kafka"),
    (["migrate", "--only"], "this option wants a value: --only"),
    (["migrate", "--json=yes"], "takes no value"),
    (["ingest", "--consumers", "4x"], "whole number from 1 to 64"),
    (["company"], "add, set, list, disable or enable?"),
    (["company", "fire"], "first comes add, set, list, disable or enable, not 'fire'"),
    (["company", "--json", "list"], "first comes add, set, list, disable or enable, not '--json'"),
    (["company", "add"], "an argument is missing: ID"),
    (["company", "list", "--name", "x"], "--name is for add, not for list"),
    (["key", "list", "--expires", "1d"], "--expires is for add or rotate, not for list"),
    (["completion", "fish"], "first comes bash or zsh, not 'fish'"),
    (["status", "--env", ".env"], "this option stands before the verb: --env"),
    (["generate", "--as-of", "1800-01-01"], "of the years 1900 to 2200, is '1800-01-01'"),
    (["company", "add", "Acme!"], "a company's id is 1 to 32 of a-z, 0-9, - and _, not 'Acme!'"),
    (["company", "set", "acme", "colour=red"], "set takes name, include_started"),
    (["company", "set", "acme", "name=Acme", "limit_read=x"], "a limit must be a number"),
    (["key", "add", "acme"], "--scope is missing"),
    (["key", "add", "Acme!", "--scope", "read"], "not 'Acme!'"),
    (["status", "--company", "Acme!"], "not 'Acme!'"),
    (["check", "sent.ledger"], "--company is missing"),
    (["check", "sent.ledger", "--company", "Acme!"], "not 'Acme!'"),
    (["migrate", "--grants", "api"], "two users with a comma between them, not 'api'"),
    (["config", "more"], "one argument too many: more"),
])
def test_values_are_checked(arguments: list[str], says: str) -> None:
    """Before any server is asked: there is none here."""
    done = tipster(*arguments)
    assert done.returncode == 2 and says in done.stderr, done


# --- completion, in the shells themselves


class Shell:
    """An interactive shell on a terminal, which writes its input line to a file on Ctrl-X d."""

    def __init__(self, argv: list[str], folder: Path, setup: str) -> None:
        self.dump = folder / "line"
        for name in (".bashrc", ".zshrc"):
            (folder / name).write_text(setup)
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(folder)
            os.execve(argv[0], argv, {**ENVIRONMENT, "HOME": str(folder), "TERM": "xterm", "DUMP": str(self.dump)})
        self.said = b""
        self.wait_for(self.reads_keys, "the shell")

    def send(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def wait_for(self, condition, what: str) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, f"waited for {what}: {self.said[-2000:]!r}"
            if select.select([self.terminal], [], [], 0.05)[0]:
                self.said += os.read(self.terminal, 65536)

    def reads_keys(self) -> bool:
        """Whether the line editor is up: before, the terminal takes keys for itself."""
        self.send("\x15\x18d")
        time.sleep(0.1)
        return self.dump.exists() and self.dump.read_text() == "|"

    def complete(self, text: str) -> str:
        """What stands on the line after Tab."""
        self.dump.unlink(missing_ok=True)
        self.send("\x15" + text + "\t")
        self.send("\x18d")
        # A dump that was asked for before the shell was ready may come first: it is empty.
        self.wait_for(lambda: self.dump.exists() and (line := self.dump.read_text()).startswith(text) and line.endswith("|"), f"{text!r}")
        return self.dump.read_text()[:-1]

    def close(self) -> None:
        os.close(self.terminal)  # the shell gets SIGHUP
        os.waitpid(self.child, 0)


SHELLS = {
    "bash": (["/bin/bash", "--noprofile", "-i"],
             "bind 'set enable-bracketed-paste off'; dump() { printf '%s|' \"$READLINE_LINE\" > \"$DUMP\"; }; "
             "bind -x '\"\\C-xd\": dump'; source <(tipster completion bash)"),
    "zsh": (["/usr/bin/zsh", "-d", "-i"],
            "autoload -Uz compinit; compinit -u -D; dump() { printf '%s|' \"$BUFFER\" > \"$DUMP\" }; zle -N dump; "
            "bindkey '^Xd' dump; bindkey '^U' kill-whole-line; setopt no_list_beep; source <(tipster completion zsh)"),
}


@pytest.fixture(scope="module", params=sorted(SHELLS))
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    argv, setup = SHELLS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "sent.ledger").touch()
    (folder / "views").mkdir()
    running = Shell(argv, folder, setup)
    yield running
    running.close()


@pytest.mark.parametrize("typed, completed", [
    ("tipster mig", "tipster migrate"),
    ("tipster migrate --js", "tipster migrate --json"),
    ("tipster migrate --only d", "tipster migrate --only database"),
    ("tipster --env sent.ledger comp", "tipster --env sent.ledger comp"),  # company, completion
    ("tipster --env sent.ledger compa", "tipster --env sent.ledger company"),
    ("tipster company en", "tipster company enable"),
    ("tipster company add acme --part", "tipster company add acme --partitions"),
    ("tipster company list --part", "tipster company list --part"),  # belongs to add
    ("tipster import cou", "tipster import coupons"),
    ("tipster import coupons se", "tipster import coupons sent.ledger"),
    ("tipster check --ledger se", "tipster check --ledger sent.ledger"),
    ("tipster view check vi", "tipster view check views"),
    ("tipster completion z", "tipster completion zsh"),
    ("tipster generate --only ev", "tipster generate --only events"),
])
def test_completion(shell: Shell, typed: str, completed: str) -> None:
    assert shell.complete(typed).rstrip(" /") == completed


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_every_option_can_be_completed(name: str) -> None:
    script = tipster("completion", name).stdout
    for verb in VERBS:
        assert verb in script
        for option in options_of(verb):
            assert f"--{option}" in script, f"{verb} --{option}"
    checked = subprocess.run([SHELLS[name][0][0], "-n"], input=script, capture_output=True, text=True, check=False, timeout=30)
    assert checked.returncode == 0 and checked.stderr == "", checked.stderr


# --- the manual page


def test_the_manual_page_is_good_roff(tmp_path: Path) -> None:
    page = tipster("man").stdout
    path = tmp_path / "tipster.1"
    path.write_text(page)
    linted = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], capture_output=True, text=True, check=False, timeout=30)
    # No date: the page is the same whenever it is built.
    assert [line for line in linted.stdout.splitlines() if "missing date" not in line] == []
    shown = subprocess.run(["man", "--warnings", "-l", path], capture_output=True, text=True, check=False, timeout=60,
                           env={**ENVIRONMENT, "MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""})
    assert shown.returncode == 0 and shown.stderr == "", shown.stderr
    for verb in VERBS:
        assert f"tipster {verb}" in shown.stdout
        for option in options_of(verb):
            assert f"--{option}" in shown.stdout, f"{verb} --{option}"
    for setting in re.findall(r"^#([A-Z_]+)=", (TOP / "template.env").read_text(), re.MULTILINE):
        assert setting in shown.stdout


def test_what_packages_install_is_current() -> None:
    for file, arguments in (("tipster.1", ["man"]), ("tipster.bash", ["completion", "bash"]), ("_tipster", ["completion", "zsh"])):
        assert (BUILD / file).read_text() == tipster(*arguments).stdout, file


def test_lists_of_nothing_say_so(server_factory):
    app = server_factory({"ANONYMOUS_COMPANY": ""}, start=False)
    app.migrate()
    for verb, says in (("company", "there is no company yet"), ("key", "there is no key yet")):
        done = app.run(verb, "list")
        assert done.stdout == "" and says in done.stderr
        assert app.run(verb, "list", "--json").stdout.strip() == "[]"

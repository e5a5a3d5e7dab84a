"""One tiny invalid scenario per named rule, with the exact message: RULE.yaml (or NAME--RULE.yaml) and its .expected.

The first line may hold `# args: ...` for the command line. With --write the expectations are written anew, to be read by a person.
Also: every rule that the readers of scenarios know has a file here."""

import os
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(__file__).parent
SOURCE = FOLDER.parent.parent

# Rules that a small scenario file cannot bring about, and warnings.
ELSEWHERE = {
    "file-read",  # a folder or a failing disk
    "model-read",  # warnings: tests/cli/model_file.py
    "model-type",
    "model-unsupported",  # no catalogue row has such a shape
    "unused-pool",  # a warning: tests/unit/test_scenario.c
}


def message(path):
    with open(path, "rb") as stream:
        first = stream.readline().decode("utf-8", "replace")
    args = first[len("# args:") :].split() if first.startswith("# args:") else []
    env = dict(os.environ, NO_COLOR="1")
    done = subprocess.run(
        [os.environ["TOKENMILL"], "check", *args, path.name], cwd=FOLDER, env=env, capture_output=True, timeout=60
    )
    return done.returncode, done.stderr.decode("utf-8", "replace")


def check(path, write):
    code, text = message(path)
    expected_path = path.with_suffix(".expected")
    if write:
        expected_path.write_text(text)
    rule = path.stem.split("--")[-1]
    problems = []
    if code != (4 if rule.startswith("file-") else 3):
        problems.append(f"exit code {code}")
    if f"[{rule}]" not in text:
        problems.append(f"no message of rule {rule}")
    if not expected_path.exists() or text != expected_path.read_text():
        problems.append("another message:\n" + text)
    for problem in problems:
        print(f"{path.name}: {problem}")
    return not problems


def rules_in_sources():
    names = set()
    apart = "(trace|catalog|csv|presets|timestamp)"  # these have tests of their own
    files = [path for path in (SOURCE / "scenarios").glob("*.c") if not re.match(apart, path.name)]
    for path in files:
        text = re.sub(r"view_at\([^()]*\)", "at", path.read_text())
        for call in re.findall(r"diag_(?:error|world|warning)\([^\";]*\"([a-z0-9-]+)\"", text):
            names.add(call)
    return names


def main():
    write = "--write" in sys.argv
    paths = sorted(FOLDER.glob("*.yaml"))
    is_ok = all([check(path, write) for path in paths])
    missing = rules_in_sources() - {path.stem.split("--")[-1] for path in paths} - ELSEWHERE
    for rule in sorted(missing):
        print(f"rule {rule} has no file")
    print(f"{len(paths)} files")
    sys.exit(0 if is_ok and not missing else 1)


main()

"""flags.py BUILD_DIR: every file is compiled with -ffp-contract=off and nothing that lets floating point drift."""

import json
import pathlib
import shlex
import sys

from source_files import report

NEEDED = {"-ffp-contract=off"}
FORBIDDEN = {"-ffast-math", "-Ofast", "-funsafe-math-optimizations", "-fassociative-math", "-freciprocal-math",
             "-ffinite-math-only", "-fno-signed-zeros", "-ffp-contract=fast", "-ffp-contract=on", "-march=native"}


def main():
    commands = json.loads(pathlib.Path(sys.argv[1], "compile_commands.json").read_text(encoding="utf-8"))
    complaints = [] if commands else ["compile_commands.json is empty"]
    for command in commands:
        flags = set(shlex.split(command["command"]))
        complaints += [f'{command["file"]}: compiled without {flag}' for flag in sorted(NEEDED - flags)]
        complaints += [f'{command["file"]}: compiled with {flag}' for flag in sorted(FORBIDDEN & flags)]
    return report(complaints)


if __name__ == "__main__":
    sys.exit(main())

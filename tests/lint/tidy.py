"""tidy.py BUILD_DIR: the short list of checks in .clang-tidy, over every file that the build compiles from the layers."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

from layers import LAYERS
from source_files import ROOT


def tidy(build, path):
    # -Wlogical-op and others are gcc's; clang-tidy is not the place where warnings are judged.
    command = ["clang-tidy", "-p", build, "--quiet", "--extra-arg=-w", "--extra-arg=-Wno-error", path]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout


def main():
    build = sys.argv[1]
    commands = json.loads(pathlib.Path(build, "compile_commands.json").read_text(encoding="utf-8"))
    paths = {pathlib.Path(command["directory"], command["file"]).resolve() for command in commands}
    own = sorted(str(path) for path in paths if any(ROOT / layer in path.parents for layer in LAYERS))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for status, text in pool.map(lambda path: tidy(build, path), own):
            failed += status != 0
            if status != 0:
                print(text)
    print(f"{len(own)} files, {failed} with complaints")
    return 1 if failed or not own else 0


if __name__ == "__main__":
    sys.exit(main())

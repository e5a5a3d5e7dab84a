"""C files are laid out as .clang-format says. To fix: clang-format -i FILE."""

import subprocess
import sys

from source_files import ROOT, source_files


def main():
    paths = [str(path) for path in source_files(".c", ".h")]
    return subprocess.run(["clang-format", "--dry-run", "-Werror", *paths], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

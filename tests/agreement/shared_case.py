#!/usr/bin/env python3
"""compare.py on a case of $TOKENMILL_SHARED/cases; exits 77 (skipped) where that folder is not there.

    shared_case.py CASE
"""

import os
import pathlib
import subprocess
import sys


def main():
    """Returns compare.py's exit status."""
    case = pathlib.Path(os.environ.get("TOKENMILL_SHARED", "shared")) / "cases" / sys.argv[1]
    if not case.is_dir():
        print(f"skipped: no folder {case}")
        return 77
    compare = pathlib.Path(__file__).resolve().with_name("compare.py")
    return subprocess.run([sys.executable, str(compare), str(case)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

"""The files that the lint checks look at: those of the working tree, without build folders."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def source_files(*suffixes):
    """Paths from the root, sorted."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith((".", "build", "__pycache__"))]
        found += [pathlib.Path(folder, name).relative_to(ROOT) for name in names if name.endswith(suffixes)]
    return sorted(found)


def report(complaints):
    """Prints the complaints; the exit status."""
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0

"""Includes go to the own layer or to layers on its left, and are spelt from the repository root (docs/ARCHITECTURE.md)."""

import re
import sys

from source_files import ROOT, report, source_files

LAYERS = ["base", "models", "sim", "scenarios", "analysis", "study", "api", "cli"]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
REACHED_BY_CLI = {"api", "cli"}


def allowed(layer):
    if layer not in LAYERS:
        return set(LAYERS) | {layer}  # tests and benchmarks see everything
    return REACHED_BY_CLI if layer == "cli" else set(LAYERS[: LAYERS.index(layer) + 1])


def complaints_of(path, text):
    layer = path.parts[0]
    for match in INCLUDE.finditer(text):
        included = match.group(1)
        place = f"{path}:{text.count(chr(10), 0, match.start(1)) + 1}"
        if not (ROOT / included).is_file():
            yield f'{place}: "{included}" is not spelt from the repository root'
        elif included.split("/")[0] not in allowed(layer):
            yield f'{place}: {layer}/ must not include "{included}"; it sees {", ".join(sorted(allowed(layer)))}'


def main():
    complaints = []
    for path in source_files(".c", ".h"):
        complaints += complaints_of(path, (ROOT / path).read_text(encoding="utf-8"))
    return report(complaints)


if __name__ == "__main__":
    sys.exit(main())

"""Functions of at most 70 lines and 7 parameters, files of at most 800 lines; prints the median and the 90th percentile."""

import subprocess
import sys

from source_files import ROOT, report, source_files

FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 7  # the aim is 6; an array with its length, or diagnostics with their position, make it 7
FILE_LINES_MAX = 800


def parameter_count(signature):
    inner = signature[signature.find("(") + 1 : signature.rfind(")")].strip()
    depth, count = 0, 1
    for character in inner:
        depth += (character == "(") - (character == ")")
        count += character == "," and depth == 0
    return 0 if inner in ("", "void") else count


def functions(paths):
    """(path, name, first line, lines, parameters) of every function in C files."""
    made = subprocess.run(["ctags", "-x", "--kinds-C=f", "--fields=+neS", "--_xformat=%F\t%N\t%n\t%{end}\t%{signature}",
                           *map(str, paths)], cwd=ROOT, check=True, capture_output=True, text=True)
    for row in made.stdout.splitlines():
        path, name, first, last, signature = row.split("\t")
        yield path, name, int(first), int(last) - int(first) + 1, parameter_count(signature)


def main():
    complaints = []
    for path in source_files(".c", ".h", ".py"):
        lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        if lines > FILE_LINES_MAX:
            complaints.append(f"{path}: {lines} lines; at most {FILE_LINES_MAX}")
    lengths = []
    for path, name, first, lines, parameters in functions(source_files(".c")):
        lengths.append(lines)
        if lines > FUNCTION_LINES_MAX:
            complaints.append(f"{path}:{first}: {name} has {lines} lines; at most {FUNCTION_LINES_MAX}")
        if parameters > PARAMETERS_MAX:
            complaints.append(f"{path}:{first}: {name} has {parameters} parameters; at most {PARAMETERS_MAX}")
    lengths.sort()
    print(f"{len(lengths)} functions: median {lengths[len(lengths) // 2]} lines, 90th percentile {lengths[len(lengths) * 9 // 10]}")
    return report(complaints)


if __name__ == "__main__":
    sys.exit(main())

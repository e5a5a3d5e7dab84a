"""The tables of docs/accuracy.md."""

import clients
import figures
import replayed
from serving import METRICS

TITLES = {"tpot": "TPOT", "ttft": "TTFT", "e2e": "E2E", "output_tok_s": "tok/s", "power_w": "power"}


def line(cells):
    """One row of a Markdown table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(head, rows):
    """A Markdown table."""
    return "\n".join([line(head), line("---" for _ in head), *(line(row) for row in rows)])


def errors(comparisons, metric):
    """The known errors of a metric."""
    return [known for known in (item.error(metric) for item in comparisons) if known is not None]


def size(values):
    """Median of the errors' sizes."""
    return figures.median([abs(value) for value in values])


def spread(values):
    """Smallest and greatest error."""
    return f"{figures.percent(min(values))} .. {figures.percent(max(values))}" if values else "-"


def group_row(group, comparisons):
    """One group: how many rows, then the medians."""
    known = {metric: errors(comparisons, metric) for metric in METRICS}
    medians = [figures.share(size(known[metric])) for metric in METRICS]
    worst = known["tpot"] or known["output_tok_s"]
    return [group.name, "yes" if group.fitted else "no", len(comparisons), *medians, spread(worst)]


def groups_table(results):
    """All groups: the median size of the errors. `results`: (group, comparisons)."""
    head = ["group", "fitted on", "rows", *(TITLES[metric] for metric in METRICS), "TPOT (or tok/s), from .. to"]
    return table(head, [group_row(group, comparisons) for group, comparisons in results if comparisons])


def series(comparison):
    """What a row shares with others but for its load."""
    row = comparison.row
    lengths = f", {row['isl']}/{row['osl']}" if row["isl"] and comparison.row["source"] != "mlenergy" else ""
    return f"TP {row['tp']}{lengths}"


def cell(comparison):
    """TPOT and TTFT, or the throughput, of one row."""
    shown = [figures.percent(comparison.error(metric)) for metric in ("tpot", "ttft", "output_tok_s")]
    if comparison.row["load_kind"] in ("max_batch", "batch"):
        return shown[2] if shown[2] != "-" else f"TTFT {shown[1]}"
    second = shown[1] if shown[1] != "-" else shown[2]
    return f"{shown[0]}, {second}"


def mean_cell(items):
    """The cells of rows that agree in everything (other weights of the same shape): one after the other."""
    return "; ".join(cell(item) for item in items) if items else ""


def rows_table(comparisons):
    """All rows of a group: series down, load across."""
    loads = sorted({clients.load_of(item.row) for item in comparisons})
    names = list(dict.fromkeys(series(item) for item in comparisons))
    rows = []
    for name in names:
        mine = [item for item in comparisons if series(item) == name]
        rows.append([name, *(mean_cell([item for item in mine if clients.load_of(item.row) == load]) for load in loads)])
    return table(["", *(f"{load:g}" for load in loads)], rows)


def rows_tables(results):
    """Every error of every row, group by group."""
    parts = []
    for group, comparisons in results:
        if comparisons:
            second = "throughput" if group.client == "mlenergy" else "TTFT"
            what = "throughput, or TTFT of an empty server" if group.client == "one_batch" else f"TPOT, {second}"
            parts += [f"**{group.name}** ({what})", rows_table(comparisons)]
    return "\n\n".join(parts)


def replay_rows(replay):
    """One run: a row a metric."""
    rows = []
    for metric in replayed.METRICS:
        cells = [replay.run.name, TITLES[metric]]
        for percent in replayed.PERCENTILES:
            theirs, ours = replay.at(metric, percent)
            cells.append(f"{theirs:.3g} s, {ours:.3g} s, {figures.percent(figures.error(ours, theirs))}")
        rows.append(cells)
    theirs, ours = replay.measured["output_tok_s"], replay.predicted["output_tok_s"]
    rate = f"{theirs:.0f} tok/s, {ours:.0f} tok/s, {figures.percent(figures.error(ours, theirs))}"
    return [*rows, [replay.run.name, "output", rate, "", ""]]


def replays_table(replays):
    """The runs of requests.csv by percentile: measured, predicted, error."""
    head = ["run", "metric", *(f"p{percent}" for percent in replayed.PERCENTILES)]
    return table(head, [row for replay in replays for row in replay_rows(replay)])


def put(text, name, body):
    """The document with what is between the markers of `name` replaced. ValueError if it has no such markers."""
    begin, end = f"<!-- {name}: by tests/accuracy/measure.py -->", f"<!-- end of {name} -->"
    head, tail = text.index(begin) + len(begin), text.index(end)
    return f"{text[:head]}\n{body}\n{text[tail:]}"

"""The scenario that a case becomes: one workload, a trace by column mapping, and one pool with a linear step time."""


class CaseError(Exception):
    """A folder that is no case, or one that cannot be said in a scenario."""


TEMPLATE = """\
name: {name}
workload:
  - name: trace
    arrivals:
      process: trace
      file: {trace}
      columns: {columns}
      time: {time}
      origin: zero
fleet:
  - name: pool
    replicas: {replicas}
    block_size: {block_size}
    num_gpu_blocks: {num_gpu_blocks}
{pool_lines}
    batching:
{batching_lines}
    step_time:
      model: linear
{step_time_lines}
routing: {{policy: round-robin}}
cost: {{gpu_usd_per_hour: 0}}
"""


def quoted(text):
    """A YAML string, whatever is in it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def us(value):
    """A time in microseconds."""
    return f"{value:.15g}us"


def lines(values, indent):
    """`key: value` lines of a block."""
    return "\n".join(" " * indent + f"{key}: {value}" for key, value in values.items())


def flow(values):
    """A block on one line."""
    return "{" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}"


def render(case, pool, batching, step_time):
    """The scenario's text. `case` fills the template's other places; the three blocks are dictionaries of texts."""
    text = TEMPLATE.format(
        **dict(case, name=quoted(case["name"]), trace=quoted(case["trace"]), columns=flow(case["columns"])),
        pool_lines=lines(pool, 4),
        batching_lines=lines(batching, 6),
        step_time_lines=lines(step_time, 6))
    return "".join(line + "\n" for line in text.splitlines() if line.strip())

"""The program with and without --stepwise: the same JSON but for run{engine, wall_s, cpu_s}, the same bytes in each file.

Every example (of a week two hours), a scenario that goes through most of the program, and one with padding and captured batch sizes."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from common import SOURCE, Case, main, without_timing
from rich import RICH

PADDED = """\
name: padded
seed: 3
duration: 20min
warmup: 90s
workload:
  - name: chat
    pool: linear
    arrivals: {process: poisson, rate: 6/s}
    input_tokens: {distribution: lognormal, mean: 300, p99: 1500}
    output_tokens: {distribution: geometric, mean: 120}
    slo: {ttft_p99: 2s, tpot_p99: 100ms}
  - name: code
    pool: captured
    arrivals: {process: poisson, rate: 4/s}
    input_tokens: {distribution: lognormal, mean: 900, p99: 4000}
    output_tokens: {distribution: geometric, mean: 200}
fleet:
  - {name: linear, num_gpu_blocks: 1200, step_time: {model: linear, c0: 8ms, c1: 30us, c2: 60us, c3: 0.4us,
     padding: {multiple: 8, per_token: 48us}}}
  - {name: captured, gpu: H100-SXM, model: Mixtral-8x7B, precision: fp8, replicas: 2,
     step_time: {capture_sizes: [1, 2, 4, 8, 16, 24, 32]}}
routing: {policy: power-of-two}
cost: {gpu_usd_per_hour: 2}
"""


ATTENTION = """\
name: attention
seed: 4
duration: 15min
warmup: 60s
workload:
  - name: chat
    pool: linear
    arrivals: {process: poisson, rate: 5/s}
    input_tokens: {distribution: lognormal, mean: 300, p99: 1500}
    output_tokens: {distribution: geometric, mean: 150}
    slo: {ttft_p99: 2s, tpot_p99: 100ms}
  - name: gemma
    pool: windowed
    arrivals: {process: poisson, rate: 3/s}
    input_tokens: {distribution: lognormal, mean: 900, p99: 4000}
    output_tokens: {distribution: geometric, mean: 200}
  - name: deepseek
    pool: ranks
    arrivals: {process: poisson, rate: 4/s}
    input_tokens: {distribution: lognormal, mean: 900, p99: 4000}
    output_tokens: {distribution: geometric, mean: 200}
fleet:
  - {name: linear, num_gpu_blocks: 1500, attention_dp: 3, step_time: {model: linear, c0: 8ms, c1: 30us, c2: 60us, c3: 0.2us,
     window: 256, c5: 0.6us, c6: 5ns, h0: 9ms, h1: 0.1ms}}
  - {name: windowed, gpu: H100-SXM, model: Gemma-3-27B, replicas: 2, step_time: {model: roofline, overhead: {host_step: 12ms, host_seq: 60us}}}
  - {name: ranks, gpu: H200-SXM, model: DeepSeek-V3, precision: fp8, tensor_parallel: 8, attention_dp: 8}
routing: {policy: power-of-two}
cost: {gpu_usd_per_hour: 2}
"""


class CommandLine(Case):
    def outputs(self, path, *arguments):
        """JSON without timing, and the files' bytes, of a run."""
        done = self.run_program("run", path, "--json", "-q", "-o", "out.h5", *arguments)
        made = {"json": without_timing(json.loads(done.stdout))}
        for file in (self.dir / "out.h5", self.dir / "out.csv"):
            if file.exists():
                made[file.suffix] = file.read_bytes()
                file.unlink()
        return made

    def assert_engines_agree(self, path, *arguments):
        """Also a leap that nobody asks for requests: it may play replicas one by one."""
        stepwise = self.outputs(path, "--stepwise", "--requests", "out.csv", *arguments)
        self.assertEqual(set(stepwise), {"json", ".h5", ".csv"})
        for more in (["--requests", "out.csv"], []):
            for name, value in self.outputs(path, *more, *arguments).items():
                self.assertTrue(value == stepwise[name], f"{path}: {name} differs {more}")

    def test_the_rich_scenario(self):
        path = self.scenario(RICH, "rich.yaml")
        for point in (0, 5):
            self.assert_engines_agree(path, "--point", point)

    def test_padding(self):
        self.assert_engines_agree(self.scenario(PADDED, "padded.yaml"))

    def test_windows_hosts_and_ranks(self):
        self.assert_engines_agree(self.scenario(ATTENTION, "attention.yaml"))

    def test_examples(self):
        paths = sorted((SOURCE / "scenarios" / "examples").glob("*.yaml"))
        self.assertGreater(len(paths), 0)
        for path in paths:
            with self.subTest(path.stem):
                text = path.read_text()
                arguments = ["--point", "0"] if "\nsweep:" in text else []
                if "\nduration: 7d" in text:
                    arguments += ["--set", "duration=2h"]
                self.assert_engines_agree(path, *arguments)


if __name__ == "__main__":
    main()

"""tokenmill screen: by formula, the cheapest configurations, the front, and what binds each."""

import csv
import pathlib

from common import Case, SWEEP, TINY, environment, main

LINEAR = """\
name: linear
duration: 1h
workload:
  - {name: chat, arrivals: {process: poisson, rate: 1/s}, input_tokens: {distribution: constant, value: 100},
     output_tokens: {distribution: constant, value: 10}}
fleet:
  - {name: main, replicas: 1, step_time: {model: linear, c0: 10ms}, cost: {gpu_usd_per_hour: 1}}
"""

NUMBERS = ("usd_per_mtok_total", "total_tok_per_s", "tpot_s", "ttft_s", "prefill_s", "decode_s", "power_mean_w")


class Screen(Case):
    def pool(self, text=TINY, *arguments, **options):
        self.scenario(text)
        screen = self.json_of("screen", "tiny.yaml", *arguments, **options)
        self.assertTrue(screen["analytic"])
        return screen["pools"][0]

    def test_the_catalogue_is_compared(self):
        pool = self.pool()
        best = [row for row in pool["configurations"] if row["rank"] is not None]
        self.assertEqual(sorted(row["rank"] for row in best), list(range(1, 11)))
        self.assertGreater(len({row["gpu"] for row in best}), 1)
        self.assertEqual(len({(row["gpu"], row["tensor_parallel"], row["precision"]) for row in best}), 10)
        self.assertGreater(pool["configurations_screened"], 10000)
        self.assertGreater(pool["left_out"]["catalogue-blank"], 0)
        for row in best:
            self.assertTrue(row["slo_met"] and row["tpot_s"] <= 0.1 and row["ttft_s"] <= 2)
            self.assertTrue(all(row[name] > 0 for name in NUMBERS))
            self.assertIn("catalogue", row["price_source"])

    def test_cost_rises_with_rank_and_falls_along_the_front(self):
        rows = self.pool()["configurations"]
        best = sorted((row["rank"], row["usd_per_mtok_total"]) for row in rows if row["rank"] is not None)
        self.assertEqual([usd for _, usd in best], sorted(usd for _, usd in best))
        front = [(row["tpot_s"], row["usd_per_mtok_total"]) for row in rows if row["on_front"]]
        self.assertEqual(front, sorted(front))
        self.assertEqual([usd for _, usd in front], sorted((usd for _, usd in front), reverse=True))

    def test_a_single_price_is_its_own_gpus(self):
        pool = self.pool(TINY + "cost: {gpu_usd_per_hour: 3}\n")
        self.assertTrue(pool["one_price"])
        self.assertEqual({row["gpu"] for row in pool["configurations"]}, {"H100-SXM"})
        twice = self.pool(TINY + "cost: {gpu_usd_per_hour: 6}\n")
        self.assertAlmostEqual(twice["configurations"][0]["usd_per_mtok_total"],
                               2 * pool["configurations"][0]["usd_per_mtok_total"])

    def test_a_map_of_prices_leaves_out_whom_it_does_not_name(self):
        pool = self.pool(TINY + "cost: {gpu_usd_per_hour: {H100-SXM: 3, L40S: 1}}\n")
        self.assertEqual({row["gpu"] for row in pool["configurations"]}, {"H100-SXM", "L40S"})

    def test_a_sweep_has_a_row_a_point_with_its_coordinates(self):
        pool = self.pool(TINY + SWEEP)
        rows = pool["configurations"]
        self.assertEqual([row["point"] for row in rows], list(range(8)))
        self.assertEqual(rows[5]["coordinates"], {"rate_per_s": 4, "replicas": 2})

    def test_it_is_what_a_saturated_run_comes_to(self):
        text = TINY.replace("rate: 2/s", "rate: 200/s").replace("10min", "5min")
        text = "".join(line for line in text.splitlines(keepends=True) if "slo:" not in line)
        run = self.json_of("run", self.scenario(text))
        sweep = text + "sweep: {workload.chat.arrivals.rate: [200/s]}\n"
        row = self.pool(sweep)["configurations"][0]
        capacity = run["utilization"]["capacity_tok_per_s"]
        self.assertAlmostEqual(row["total_tok_per_s"] / capacity, 1, delta=0.02)
        self.assertAlmostEqual(row["usd_per_mtok_total"] * run["utilization"]["load_ratio"] /
                               run["cost"]["usd_per_mtok_total"], 1, delta=0.03)

    def test_csv_has_the_same_configurations(self):
        pool = self.pool(TINY, "--csv", "s.csv")
        with open(self.dir / "s.csv") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), len(pool["configurations"]))
        for row, expected in zip(rows, pool["configurations"]):
            self.assertEqual(row["gpu"], expected["gpu"])
            self.assertEqual(float(row["tpot_s"]), expected["tpot_s"])

    def test_the_table_says_that_nothing_is_simulated(self):
        self.scenario()
        text = self.run_program("screen", "tiny.yaml").stdout
        self.assertIn("not simulated", text)
        self.assertIn("without queueing", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_every_cpu_level_gives_the_same(self):
        self.scenario()
        texts = set()
        have = pathlib.Path("/proc/cpuinfo").read_text().split()
        for level in ("baseline", "avx2", "avx512"):
            if level == "baseline" or {"avx2": "avx2", "avx512": "avx512vl"}[level] in have:
                env = environment(TOKENMILL_CPU_LEVEL=level)
                texts.add(self.run_program("screen", "tiny.yaml", "--json", env=env).stdout)
        self.assertEqual(len(texts), 1)

    def test_an_unknown_cpu_level_is_an_error(self):
        self.scenario()
        done = self.run_program("screen", "tiny.yaml", env=environment(TOKENMILL_CPU_LEVEL="sse9"), code=3)
        self.assertIn("[cpu-level]", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_linear_steps_need_a_sweep(self):
        self.scenario(LINEAR)
        self.assertIn("[screen-linear]", self.run_program("screen", "tiny.yaml", code=3).stderr)
        pool = self.pool(LINEAR + "sweep: {fleet.main.batching.max_num_seqs: [1, 8]}\n")
        self.assertEqual([row["gpu"] for row in pool["configurations"]], ["", ""])
        self.assertEqual([row["power_mean_w"] for row in pool["configurations"]], [None, None])


if __name__ == "__main__":
    main()

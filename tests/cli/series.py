"""Time series: --series and the scenario's own, whose intervals add up to the run, with both engines; and what is refused."""

import csv
import math

from common import Case, SWEEP, TINY, main

SERIES = TINY + "warmup: 95s\nseries: {interval: 30s}\n"
TWO_POOLS = SERIES.replace("  - name: main\n", "  - name: other\n    gpu: H100-SXM\n    model: Llama-3.1-8B\n  - name: main\n")
OWNED = SERIES + ("cost: {deal: owned, system_usd_per_gpu: 40000, life: 4y, discount_rate: 8%, residual_ratio: 10%,\n"
                  "       electricity: {tariff: 0.1 USD/kWh, demand_usd_per_kw_month: 12},\n"
                  "       staff: {fte_min: 0.1, loaded_usd_per_fte_year: 200000}}\n")


class Series(Case):
    def rows(self, name="s.csv"):
        with open(self.dir / name) as file:
            return list(csv.DictReader(file))

    def total(self, rows, column, by_time=False):
        values = [float(row[column] or 0) * (float(row["duration_s"]) if by_time else 1) for row in rows]
        return math.fsum(values)

    def adds_up(self, scenario):
        """Intervals of the window against the run's own numbers, to the integer where they are integers."""
        self.scenario(scenario)
        result = self.json_of("run", "tiny.yaml", "--series", "s.csv")
        rows = self.rows()
        window = [row for row in rows if row["in_window"] == "1"]
        self.assertEqual(self.total(window, "tokens_input"), result["tokens"]["input"])
        self.assertEqual(self.total(window, "tokens_output"), result["tokens"]["output"])
        self.assertEqual(self.total(window, "steps"), result["utilization"]["steps"])
        self.assertEqual(self.total(window, "arrivals"), result["requests"]["measured"]["emitted"])
        self.assertEqual(self.total(rows, "arrivals"), result["requests"]["emitted"])
        self.assertEqual(self.total(rows, "completed"), result["requests"]["completed"])
        pools = len(result["by_pool"])
        window_s = self.total(window, "duration_s") / pools
        self.assertAlmostEqual(window_s, result["run"]["window_s"], places=9)
        for column, wanted in (("waiting_mean", result["utilization"]["waiting_mean"]),
                               ("running_mean", result["utilization"]["running_mean"]),
                               ("power_mean_w", result["power"]["mean_w"])):
            self.assertAlmostEqual(self.total(window, column, True) / window_s / wanted, 1, places=12, msg=column)
        cost = self.total(window, "usd_per_hour", True) / 3600
        self.assertAlmostEqual(cost / result["cost"]["total_usd"], 1, places=12)
        return rows

    def test_the_intervals_of_a_rented_fleet_add_up_to_the_run(self):
        rows = self.adds_up(SERIES)
        starts = [float(row["start_s"]) for row in rows]
        self.assertEqual(starts, [0, 30, 60, 90, 95] + list(range(120, 600, 30)))
        self.assertEqual([row["in_window"] for row in rows[:6]], ["0", "0", "0", "0", "1", "1"])

    def test_those_of_two_pools_too(self):
        rows = self.adds_up(TWO_POOLS)
        self.assertEqual([row["pool"] for row in rows[:4]], ["other", "main", "other", "main"])

    def test_those_of_an_owned_fleet_with_a_tariff_and_staff_too(self):
        rows = self.adds_up(OWNED)
        hourly = {float(row["usd_per_hour"]) for row in rows}
        self.assertGreater(len(hourly), 10)  # electricity follows the load

    def test_both_engines_write_the_same_bytes(self):
        self.scenario(SERIES)
        self.run_program("run", "tiny.yaml", "--series", "a.csv", "-o", "a.h5")
        self.run_program("run", "tiny.yaml", "--series", "b.csv", "-o", "b.h5", "--stepwise")
        self.assertEqual((self.dir / "a.csv").read_bytes(), (self.dir / "b.csv").read_bytes())
        self.assertEqual((self.dir / "a.h5").read_bytes(), (self.dir / "b.h5").read_bytes())

    def test_a_minute_is_the_interval_of_a_scenario_without_one(self):
        self.scenario()
        without = self.json_of("run", "tiny.yaml", "-o", "without.h5")
        result = self.json_of("run", "tiny.yaml", "--series", "s.csv", "-o", "with.h5")
        self.assertEqual([float(row["start_s"]) for row in self.rows()], [60.0 * i for i in range(10)])
        self.assertEqual(result["cost"], without["cost"])
        self.assertEqual((self.dir / "with.h5").read_bytes(), (self.dir / "without.h5").read_bytes())

    def test_a_series_belongs_to_one_point(self):
        self.scenario(SERIES + SWEEP)
        self.assertIn("not an option of 'sweep'", self.run_program("sweep", "tiny.yaml", "--series", "s.csv", code=2).stderr)
        self.run_program("run", "tiny.yaml", "--point", "3", "--series", "s.csv")
        self.assertEqual(self.names(), ["s.csv", "tiny.yaml"])

    def test_a_bad_interval_loses_no_file(self):
        for bad, says in (("0s", "is outside"), ("1us", "a series has 1000000 at most"), ("soon", "series.interval")):
            self.scenario(SERIES.replace("interval: 30s", f"interval: {bad}"))
            (self.dir / "s.csv").write_text("old")
            done = self.run_program("run", "tiny.yaml", "--series", "s.csv", code=3)
            self.assertIn(says, done.stderr)
            self.assertIn("tiny.yaml:", done.stderr)
            self.assertEqual((self.dir / "s.csv").read_text(), "old")

    def test_a_run_that_turns_out_too_long_for_its_intervals_loses_none_either(self):
        self.scenario(SERIES.replace("duration: 10min", "requests: 5000").replace("30s", "1ms"))
        (self.dir / "s.csv").write_text("old")
        done = self.run_program("run", "tiny.yaml", "--series", "s.csv", code=3)
        self.assertIn("series-length", done.stderr)
        self.assertEqual((self.dir / "s.csv").read_text(), "old")

    def test_the_scenario_is_not_overwritten(self):
        self.scenario()
        self.assertIn("would overwrite it", self.run_program("run", "tiny.yaml", "--series", "tiny.yaml", code=2).stderr)


if __name__ == "__main__":
    main()

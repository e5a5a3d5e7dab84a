"""tokenmill validate: measured runs rebuilt, simulated, compared; outputs, mistakes, the shared measurements."""

import csv
import os
import pathlib
import re
import unittest
import xml.etree.ElementTree

from common import Case, SOURCE, main

HEADER = ("row_id,source,model,gpu,num_gpus,tp,precision,engine,spec_decode,isl,osl,concurrency_or_qps,load_kind,"
          "output_tok_s,ttft_ms_mean,tpot_ms_mean,tpot_ms_p50,e2e_ms_mean,power_w_per_gpu,group,recipe_id,mode\n")


def run_row(row_id, clients, recipe="r1", engine="vllm", spec="none", model="Llama-3.1-8B", mode="agg"):
    return (f"{row_id},lab,{model},H100-SXM,1,1,bf16,{engine},{spec},512,128,{clients},concurrency,"
            f"{90 * clients},{40 + clients},{8 + clients / 10},,{1100 + 10 * clients},500,my group,{recipe},{mode}\n")


ROWS = HEADER + "".join(run_row(f"a{n}", n) for n in (1, 2, 4, 8, 16, 32))
RECIPES = "recipe_id,kv_precision,max_num_seqs,max_num_batched_tokens,length_range_ratio\nr1,fp8,conc,2048,0.8\n"
REQUESTS = "model,gpu,tp,queued_s,isl,osl,ttft_ms,e2e_ms\n" + "".join(
    f"Llama-3.1-8B,L4,1,{n / 2},{200 + n},{50 + n},{90 + n},{2500 + 50 * n}\n" for n in range(40))
METRICS = {"tpot", "ttft", "e2e", "throughput", "power"}
SHARED = pathlib.Path(os.environ.get("TOKENMILL_SHARED") or SOURCE.parent / "shared") / "measured"


class Validate(Case):
    def write(self, text=ROWS, name="m.csv"):
        path = self.dir / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return name

    def recipes(self):
        self.write(RECIPES, "recipes/recipes.csv")
        return "recipes"

    def rows_of(self, *arguments):
        self.run_program("validate", *arguments, "--csv", "out.csv", "--quiet")
        with open(self.dir / "out.csv", newline="") as file:
            return list(csv.DictReader(file))

    def test_csv_has_a_row_for_each_metric_of_each_row(self):
        rows = self.rows_of(self.write(), "--recipes", self.recipes())
        self.assertEqual(list(rows[0]), "row_id,group,engine,mode,spec_decode,metric,measured,predicted,pi95_low,pi95_high".split(","))
        self.assertEqual(len(rows), 6 * 5)
        self.assertEqual({row["metric"] for row in rows if row["row_id"] == "a4"}, METRICS)
        four = {row["metric"]: row for row in rows if row["row_id"] == "a4"}
        self.assertEqual([four[m]["measured"] for m in ("tpot", "ttft", "e2e", "throughput", "power")],
                         [str(8.4 / 1000), "0.044", "1.14", "360", "500"])
        self.assertEqual((four["tpot"]["group"], four["tpot"]["engine"], four["tpot"]["mode"]), ("my group", "vllm", "agg"))
        for row in rows:
            self.assertGreater(float(row["predicted"]), 0)

    def test_a_load_generators_file_is_calibrates(self):
        self.assertIn("'tokenmill calibrate' compares it",
                      self.run_program("validate", self.write("{}", "bench.json"), code=3).stderr)

    def test_e2e_is_first_token_and_the_rest(self):
        exact = HEADER.strip() + ",length_range_ratio\n" + run_row("a", 1, "").strip() + ",1\n"
        rows = {row["metric"]: float(row["predicted"]) for row in self.rows_of(self.write(exact))}
        self.assertAlmostEqual(rows["e2e"], rows["ttft"] + 127 * rows["tpot"], places=9)
        self.assertAlmostEqual(rows["throughput"], 128 / rows["e2e"], delta=1e-6 * rows["throughput"])

    def test_jobs_and_engines_change_nothing(self):
        name, recipes = self.write(), self.recipes()
        texts, tables = set(), set()
        for arguments in (["--jobs", "1"], ["--jobs", "3"], ["--stepwise"]):
            done = self.run_program("validate", name, "--recipes", recipes, "--csv", "o.csv", "--svg", "o.svg", *arguments)
            texts.add((self.dir / "o.csv").read_text() + (self.dir / "o.svg").read_text())
            tables.add(done.stdout)
        self.assertEqual((len(texts), len(tables)), (1, 1))

    def test_the_recipe_decides(self):
        name = self.write()
        known, unknown = self.rows_of(name, "--recipes", self.recipes()), self.rows_of(name)
        self.assertNotEqual([row["predicted"] for row in known], [row["predicted"] for row in unknown])
        self.assertEqual(self.json_of("validate", name, "--recipes", "recipes")["flagged"]["unknown-recipe"], 0)
        self.assertEqual(self.json_of("validate", name)["flagged"]["unknown-recipe"], 6)

    def test_set_reaches_every_row(self):
        name = self.write()
        plain = self.rows_of(name)
        slow = self.rows_of(name, "--set", "fleet.main.step_time={model: roofline, overhead: {per_step: 50ms}}")
        for before, after in zip(plain, slow):
            if before["metric"] == "tpot":
                self.assertGreater(float(after["predicted"]), float(before["predicted"]) + 0.045)

    def test_json_has_scores_and_the_table_the_same(self):
        name, recipes = self.write(), self.recipes()
        result = self.json_of("validate", name, "--recipes", recipes)
        self.assertEqual(result["rows"], {"read": 6, "predicted": 6, "scored": 6})
        self.assertEqual({item["metric"] for item in result["classes"]}, METRICS)
        tpot = next(item for item in result["cells"] if item["metric"] == "tpot")
        self.assertEqual((tpot["model"], tpot["engine"], tpot["source"]), ("Llama-3.1-8B", "vllm", "lab"))
        errors = [float(row["predicted"]) / float(row["measured"]) - 1
                  for row in self.rows_of(name, "--recipes", recipes) if row["metric"] == "tpot"]
        sizes = sorted(map(abs, errors))
        self.assertAlmostEqual(tpot["median_abs_error"], (sizes[2] + sizes[3]) / 2, places=12)
        self.assertAlmostEqual(tpot["bias"], sum(errors) / 6, places=12)
        self.assertEqual(len(tpot["worst"]), 3)
        table = self.run_program("validate", name, "--recipes", recipes).stdout
        self.assertLessEqual(max(map(len, table.splitlines())), 100)
        self.assertIn("6 rows, 6 predicted, 6 of them scored", table)
        self.assertIn(f"{100 * tpot['median_abs_error']:.1f}", table)

    def test_what_is_left_out_is_counted_and_still_predicted(self):
        text = ROWS + run_row("b1", 4, engine="homemade") + run_row("b2", 4, model="Secret-7B") + \
            run_row("b3", 4, mode="disagg") + run_row("b4", 4, spec="eagle3")
        result = self.json_of("validate", self.write(text))
        self.assertEqual(result["rows"], {"read": 10, "predicted": 7, "scored": 6})
        self.assertEqual((result["skipped"]["unknown-engine"], result["skipped"]["unknown-model"],
                          result["skipped"]["disaggregated"], result["flagged"]["speculative"]), (1, 1, 1, 1))
        self.assertEqual(result["left_out"][0], {"row_id": "b1", "reasons": ["unknown-engine"]})
        self.assertEqual(result["left_out"][3], {"row_id": "b4", "reasons": ["speculative", "unknown-recipe"]})
        ids = {row["row_id"] for row in self.rows_of("m.csv")}
        self.assertIn("b4", ids)
        self.assertFalse(ids & {"b1", "b2", "b3"})

    def test_the_picture_is_xml_with_a_point_a_row(self):
        self.run_program("validate", self.write(), "--svg", "o.svg")
        root = xml.etree.ElementTree.parse(self.dir / "o.svg").getroot()
        points = [item for item in root.iter("{http://www.w3.org/2000/svg}circle") if item.get("r") == "2.2"]
        self.assertEqual(len(points), 30)
        width = float(root.get("width"))
        self.assertTrue(all(0 < float(point.get("cx")) < width for point in points))

    def test_requests_are_replayed(self):
        result = self.json_of("validate", self.write(REQUESTS, "r.csv"))
        run = result["runs"][0]
        self.assertEqual((run["run"], run["requests"], run["incomplete"]), ("Llama-3.1-8B L4", 40, 0))
        self.assertAlmostEqual(run["ttft_s"]["p50"]["measured"], 0.109)
        self.assertGreater(run["e2e_s"]["p99"]["predicted"], run["e2e_s"]["p50"]["predicted"])
        rows = self.rows_of("r.csv")
        self.assertEqual(len(rows), 9)
        self.assertEqual(rows[0]["row_id"], "Llama-3.1-8B L4 p50")
        self.assertIn("p99", self.run_program("validate", "r.csv", "--svg", "r.svg").stdout)

    def test_mistakes_are_all_said_where_they_stand(self):
        text = ROWS + run_row("a1", 2) + run_row("c", 4).replace("512,", "many,") + run_row("d", 4).replace("concurrency", "crowd")
        done = self.run_program("validate", self.write(text), code=3)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"m\.csv:9:\d+: error: isl = 'many' is not a number")
        self.assertRegex(done.stderr, r"m\.csv:10:\d+: error: load_kind = 'crowd' is not one of")
        done = self.run_program("validate", self.write(ROWS + run_row("a1", 2)), code=3)
        self.assertIn("m.csv:8:1: error: row_id 'a1' stands in line 2 already [measured-duplicate]", done.stderr)
        done = self.run_program("validate", self.write("row_id,model\n"), code=3)
        self.assertIn("column 'gpu' is missing [measured-header]", done.stderr)
        done = self.run_program("validate", self.write(), "--set", "fleet.main.colour=red", code=3)
        self.assertIn("[unknown-path]", done.stderr)
        self.assertIn("cannot be read", self.run_program("validate", "none.csv", code=4).stderr)
        self.assertIn("cannot be read", self.run_program("validate", "m.csv", "--recipes", "none", code=4).stderr)

    def test_the_input_is_not_overwritten(self):
        self.assertIn("is the input itself", self.run_program("validate", self.write(), "--csv", "m.csv", code=2).stderr)
        self.assertIn("two outputs", self.run_program("validate", "m.csv", "--csv", "o", "--svg", "o", code=2).stderr)

    @unittest.skipUnless((SHARED / "serving.csv").exists(), "no shared measurements here")
    def test_the_shared_measurements(self):
        arguments = [SHARED / "serving.csv", "--recipes", SHARED / "recipes"]
        rows = self.rows_of(*arguments)
        with open(SHARED / "serving.csv", newline="") as file:
            measured = list(csv.DictReader(file))
        expected = {row["row_id"] for row in measured if row["mode"] == "agg" and row["engine"]}
        self.assertGreater(len({row["row_id"] for row in rows}), 0.99 * len(expected))
        classes = {(item["metric"], item["class"]): item for item in self.json_of("validate", *arguments)["classes"]}
        dense = [item for (metric, name), item in classes.items() if metric == "tpot" and name.startswith("dense")]
        self.assertGreaterEqual(len(dense), 4)
        for item in dense:
            self.assertLess(item["median_abs_error"], 0.35, item)

    @unittest.skipUnless((SHARED / "requests.csv").exists(), "no shared measurements here")
    def test_the_shared_requests(self):
        runs = self.json_of("validate", SHARED / "requests.csv", "--recipes", SHARED / "recipes")["runs"]
        self.assertEqual(len(runs), 3)
        for run in runs:
            self.assertTrue(re.match("[A-Z]", run["run"]))
            self.assertEqual(run["incomplete"], 0)
            self.assertTrue(0.5 < run["e2e_s"]["p50"]["predicted"] / run["e2e_s"]["p50"]["measured"] < 2, run)


if __name__ == "__main__":
    main()

"""Pools that make images: dollars a thousand images, both engines alike, and what may not be mixed."""

from common import Case, TINY, main, without_timing

IMAGES = """\
name: pictures
seed: 7
duration: 2h
workload:
  - name: pictures
    arrivals: {process: poisson, rate: 0.05/s}
    denoising_steps: 50
    slo: {e2e_p99: 10min}
fleet:
  - name: painters
    gpu: H100-SXM
    model: FLUX.1-dev
    batching: {max_num_seqs: 8}
cost: {gpu_usd_per_hour: 3}
"""


class Images(Case):
    def result(self, text, *options):
        self.scenario(text)
        return self.json_of("run", "tiny.yaml", *options)

    def test_a_thousand_images_cost_what_their_hours_cost(self):
        result = self.result(IMAGES)
        images = result["requests"]["completed_in_window"]
        self.assertGreater(images, 300)
        self.assertAlmostEqual(result["cost"]["usd_per_kimage"], 3 * 2 / images * 1000, places=9)
        self.assertEqual(result["by_workload"]["pictures"]["cost"]["usd_per_kimage"], result["cost"]["usd_per_kimage"])
        self.assertIn("per 1000 images", self.run_program("run", "tiny.yaml").stdout)

    def test_an_idle_server_denoises_alone(self):
        text = IMAGES.replace("process: poisson, rate: 0.05/s", "process: constant, rate: 0.02/s")
        result = self.result(text)
        # 50 steps of 237.4 ms and 5 TFLOP at 338 TFLOP/s, models/image.h
        self.assertAlmostEqual(result["latency"]["e2e_s"]["p99"], 50 * 0.23740 + 0.01478, delta=0.02)

    def test_both_engines_agree(self):
        for policy in ("continuous", "static", "prefill-first"):
            text = IMAGES.replace("max_num_seqs: 8", f"policy: {policy}, max_num_seqs: 8")
            leap = without_timing(self.result(text))
            self.assertEqual(without_timing(self.result(text, "--stepwise")), leap)

    def test_requests_of_text_have_no_price_by_image(self):
        self.assertIsNone(self.result(TINY)["cost"]["usd_per_kimage"])

    def says(self, text, rule):
        self.scenario(text)
        done = self.run_program("check", "tiny.yaml", code=3)
        self.assertIn(f"[{rule}]", done.stderr)
        return done.stderr

    def test_images_need_a_pool_that_makes_them(self):
        self.assertIn("makes none", self.says(IMAGES.replace("FLUX.1-dev", "Llama-3.1-8B"), "image-workload"))
        self.assertIn("needs 'denoising_steps'", self.says(TINY.replace("Llama-3.1-8B", "SD3.5-large"), "image-workload"))

    def test_images_have_no_tokens(self):
        self.says(IMAGES.replace("denoising_steps: 50", "denoising_steps: 50\n    input_tokens: 5"), "key-conflict")

    def test_a_replica_is_one_gpu(self):
        self.says(IMAGES.replace("gpu: H100", "tensor_parallel: 2\n    gpu: H100"), "tensor-parallel-shape")

    def test_a_model_that_was_not_measured_says_so(self):
        result = self.result(IMAGES.replace("FLUX.1-dev", "SD3-medium"))
        self.assertTrue(any("24 % of the peak" in entry["text"] for entry in result["assumptions"]))


main()

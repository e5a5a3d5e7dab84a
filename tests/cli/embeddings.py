"""Embedding models: a prompt and one vector, in both engines; no LM head, no second output."""

from common import Case, main, without_timing

EMBED = """\
name: index
seed: 7
requests: 2000
workload:
  - name: documents
    arrivals: {process: poisson, rate: 400/s}
    input_tokens: {distribution: uniform, min: 64, max: 512}
fleet:
  - name: main
    gpu: H100-SXM
    model: multilingual-e5-large
cost: {gpu_usd_per_hour: 3}
"""


class Embeddings(Case):
    def result(self, text, *options):
        self.scenario(text)
        return self.json_of("run", "tiny.yaml", *options)

    def test_an_input_has_one_output_and_no_decoding(self):
        result = self.result(EMBED)
        self.assertEqual(result["tokens"]["output"], 2000)
        self.assertEqual(result["cost"]["usd_per_mtok_output"], 0)
        self.assertAlmostEqual(result["cost"]["usd_per_mtok_input"] * result["tokens"]["input"] / 1e6,
                               result["cost"]["total_usd"], places=9)

    def test_flop_are_those_of_the_encoder(self):
        text = EMBED.replace("{distribution: uniform, min: 64, max: 512}", "512").replace("requests: 2000", "requests: 50")
        text = text.replace("process: poisson, rate: 400/s", "process: constant, rate: 1/s")
        result = self.result(text)
        # 2 x 302e6 a token, and 4 x 1024 x 24 layers for each of 512^2 pairs
        flop = 50 * (512 * 2 * 24 * (4 + 8) * 1024**2 + 4 * 1024 * 24 * 512**2)
        used = result["utilization"]["mfu_ratio"] * 989e12 * result["bill"]["window_h"] * 3600
        self.assertAlmostEqual(used / flop, 1, places=6)

    def test_both_engines_agree(self):
        self.assertEqual(without_timing(self.result(EMBED, "--stepwise")), without_timing(self.result(EMBED)))

    def test_an_output_of_one_may_be_written_out(self):
        plain = without_timing(self.result(EMBED))
        text = EMBED.replace("max: 512}", "max: 512}\n    output_tokens: 1")
        self.assertEqual(without_timing(self.result(text)), plain)


main()

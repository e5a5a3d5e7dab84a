#!/usr/bin/env python3
"""What compare.py does with good cases, bad ones and none at all: tiny cases, worked by hand."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

COMPARE = pathlib.Path(__file__).resolve().with_name("compare.py")

BLACKBOX = {
    "latency_model": "blackbox", "alpha": [100.0, 1.0, 50.0], "beta": [1000.0, 10.0, 5.0], "max_num_seqs": 256,
    "max_num_batched_tokens": 2048, "total_kv_blocks": 100, "block_size": 16, "num_instances": 1,
    "routing": "round-robin", "max_model_len": 8192, "long_prefill_token_threshold": 0,
}
TRACE = "request_id,input_tokens,output_tokens,arrival_time_us\n0,20,3,0\n1,10,1,500000\n"

# 0: visible at 120 us, prefill 1000 + 200, decodes 1005 twice, 50 a token -> 120 + 1200 + 2 * 1005 + 3 * 50 = 3480.
# 1: visible after 110 us, prefill 1000 + 100 -> 110 + 1100 + 50 = 1260.
EXPECTED = "id,e2e_us\n0,3480\n1,1260\n"


def vidur(scheduler):
    """A case with two requests that never meet; all operators are 0 but two."""
    names = ("attn_pre_proj", "attn_post_proj", "mlp_up_proj", "mlp_down_proj", "mlp_act", "attn_rope", "input_layernorm",
             "post_attention_layernorm", "add", "attn_kv_cache_save")
    coefficients = {name: [0.0, 0.0] for name in names}
    coefficients |= {"mlp_act": [1.0, 0.0], "attn_prefill": [0.0, 0.0, 1e-6], "attn_decode": [0.0, 0.0]}
    return {
        "scheduler": scheduler, "num_replicas": 2, "global_scheduler": "round_robin", "block_size": 16, "num_blocks": 1000,
        "batch_size_cap": 128, "watermark_blocks": 10, "chunk_size": 512, "max_tokens_in_batch": 4096, "num_layers": 10,
        "coefficients": coefficients, "decode_batching_overhead_fraction": 0.1, "prefill_batching_overhead_fraction": 0.1,
        "kv_granularity": 64,
    }


class ComparisonTest(unittest.TestCase):
    """One folder a test."""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)
        self.case = self.place / "tiny"
        self.case.mkdir()

    def write(self, params, trace_name, trace, expected):
        """Makes the case's folder."""
        (self.case / "params.json").write_text(json.dumps(params), encoding="utf-8")
        (self.case / trace_name).write_text(trace, encoding="utf-8")
        (self.case / "expected_requests.csv").write_text(expected, encoding="utf-8")

    def compare(self, *arguments, **changes):
        """Runs compare.py; returns its exit status and the lines that it printed."""
        done = subprocess.run([sys.executable, str(COMPARE), *map(str, arguments)], env=dict(os.environ, **changes),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    def test_a_blackbox_case_is_exact(self):
        self.write(BLACKBOX, "trace.csv", TRACE, EXPECTED)
        status, lines = self.compare(self.case)
        self.assertEqual((status, lines[-1]), (0, "tiny: E2E median 0.000 %, p99 0.000 %"))

    def test_turns_are_dealt_at_the_arrival(self):
        # 0 becomes visible after 1, and still is the first instance's; 2 waits there until 1540 us, while the other is idle from 1220 us.
        trace = "request_id,input_tokens,output_tokens,arrival_time_us\n0,40,1,0\n1,10,1,10\n2,10,1,1140\n"
        self.write(dict(BLACKBOX, num_instances=2), "trace.csv", trace, "id,e2e_us\n0,1590\n1,1260\n2,1550\n")
        status, lines = self.compare(self.case)
        self.assertEqual((status, lines[-1]), (0, "tiny: E2E median 0.000 %, p99 0.000 %"))

    def test_files_are_kept(self):
        self.write(BLACKBOX, "trace.csv", TRACE, EXPECTED)
        keep = self.place / "a" / "b"
        self.assertEqual(self.compare(self.case, "--keep", keep)[0], 0)
        self.assertEqual({path.name for path in keep.iterdir()}, {"scenario.yaml", "requests.csv"})

    def test_beyond_tolerance_is_1_and_files_are_kept(self):
        self.write(BLACKBOX, "trace.csv", TRACE, EXPECTED.replace("3480", "3000"))
        keep = self.place / "kept"
        status, lines = self.compare(self.case, "--keep", keep)
        self.assertEqual((status, lines[-1]), (1, "tiny: E2E median 8.000 %, p99 15.840 %"))
        self.assertEqual({path.name for path in keep.iterdir()}, {"scenario.yaml", "requests.csv"})

    def test_preemptions_of_the_other_program_widen_the_tail(self):
        more = "".join(f"{i},20,3,{i}000000\n" for i in range(2, 40))
        exact = "".join(f"{i},3480\n" for i in range(2, 40))
        self.write(BLACKBOX, "trace.csv", TRACE + more, EXPECTED.replace("3480", "3000") + exact)
        self.assertEqual(self.compare(self.case)[0], 1)
        (self.case / "expected_summary.json").write_text('{"preemptions": 1}', encoding="utf-8")
        self.assertEqual(self.compare(self.case)[0], 0)

    def test_a_missing_request_is_beyond_tolerance(self):
        self.write(dict(BLACKBOX, max_model_len=15), "trace.csv", TRACE, EXPECTED)
        status, lines = self.compare(self.case)
        self.assertEqual((status, lines[-1]), (1, "tiny: E2E median inf %, p99 inf %"))

    def test_vidur(self):
        # Prefill 10 ms + 10 layers x 1e-6 ms x 100^2 = 10.1 ms, then two decodes of 10 ms.
        trace = "id,arrived_at_s,num_prefill_tokens,num_decode_tokens\n0,0.5,100,3\n1,0.75,100,3\n2,1,100,3\n"
        for scheduler in ("sarathi", "vllm"):
            self.write(vidur(scheduler), "requests.csv", trace, "id,e2e_s\n0,0.0301\n1,0.0301\n2,0.0301\n")
            status, lines = self.compare(self.case)
            self.assertEqual((status, lines[-1]), (0, "tiny: E2E median 0.000 %, p99 0.000 %"))

    def test_misuse_is_2(self):
        self.assertEqual(self.compare()[0], 2)
        self.assertEqual(self.compare(self.place / "nowhere")[0], 2)
        self.write(dict(BLACKBOX, latency_model="crystal ball"), "trace.csv", TRACE, EXPECTED)
        self.assertEqual(self.compare(self.case)[0], 2)
        self.write({}, "requests.csv", TRACE, EXPECTED)
        self.assertEqual(self.compare(self.case)[0], 2)

    def test_a_failing_program_is_3(self):
        self.write(BLACKBOX, "trace.csv", TRACE, EXPECTED)
        self.assertEqual(self.compare(self.case, TOKENMILL="/bin/false")[0], 3)
        self.assertEqual(self.compare(self.case, TOKENMILL=str(self.place / "nothing"))[0], 3)


if __name__ == "__main__":
    unittest.main()

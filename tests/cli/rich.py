"""A scenario that goes through most of the program: samplers, policies, preemption, rejections, prices of a site of one's own."""

RICH = """\
name: rich
seed: 11
duration: 3h
warmup: 30min
workload:
  - name: office
    pool: [main, spare]
    arrivals: {process: diurnal, rate: 0.5/s, base: gamma, cv: 2, profile: [%s]}
    input_tokens: {distribution: lognormal, mean: 800, p99: 6000}
    output_tokens: {distribution: geometric, mean: 150}
    slo: {ttft_p99: 2s, tpot_p95: 60ms, e2e_p90: 30s}
    price_usd_per_mtok: {input: 0.4, output: 1.6}
  - name: tools
    pool: tight
    arrivals: {process: closed-loop, clients: 40, think_time: 5s, think_distribution: exponential}
    input_tokens: {distribution: uniform, min: 10, max: 9000}
    output_tokens: {distribution: quantiles, table: [[0, 1], [0.5, 90], [0.9, 700], [1, 3000]]}
  - name: batch
    pool: night
    arrivals: {process: poisson, rate: 0.2/s}
    input_tokens: {distribution: lognormal, median: 400, sigma: 0.8}
    output_tokens: 64
fleet:
  - {name: main, gpu: H100-SXM, model: Llama-3.1-70B, precision: fp8, tensor_parallel: 2, replicas: 1}
  - {name: spare, gpu: H200-SXM, model: Llama-3.1-70B, tensor_parallel: 4, replicas: 1,
     batching: {policy: prefill-first, chunk: 2048}}
  - {name: tight, gpu: L40S, model: Llama-3.1-8B, replicas: 2, num_gpu_blocks: 900, max_model_len: 10000,
     batching: {max_num_batched_tokens: 1024}, cost: {gpu_usd_per_hour: 1.1}}
  - {name: night, gpu: A100-80GB-SXM, model: Llama-3.1-8B, replicas: 1,
     batching: {policy: static, max_num_seqs: 16, max_wait: 20s, deliver: batch},
     cost: {deal: owned, gpu_price_usd: 12000, server_usd_per_gpu: 5000, life: 4, discount_rate: 8%%,
            electricity: {tariff: 0.11, demand_usd_per_kw_month: 14},
            facility: {kind: own-build, usd_per_site_kw: 11000, discount_rate: 7%%}}}
routing: {policy: power-of-two}
power: {pue: 1.31}
sweep:
  workload.office.arrivals.rate_scale: {from: 0.5, to: 4, steps: 3, scale: log}
  routing.policy: [least-outstanding, power-of-two]
""" % ", ".join(f"{0.2 + 0.1 * (12 - abs(12 - hour)):.1f}" for hour in range(24))

"""Runs llama.cpp's HTTP server from the xllamacpp wheel until Yabby closes standard input."""

import json
import os
import sys

import xllamacpp

spec = json.loads(sys.argv[1])
params = xllamacpp.CommonParams()
params.model.path = spec["model"]
params.model_alias = {spec["alias"]}
params.hostnames = ["127.0.0.1"]
params.port = spec["port"]
params.n_ctx = spec["window"] * spec["slots"]
params.n_parallel = spec["slots"]
params.cpuparams.n_threads = spec["threads"]
params.cpuparams_batch.n_threads = spec["threads"]
params.use_jinja = True
params.ui = False
params.endpoint_slots = True
# Prompts that have lost their slot are kept in main memory; 8 GiB unless it is told less.
params.cache_ram_mib = 512
params.api_keys = [os.environ.pop("LLAMA_API_KEY")]

server = xllamacpp.Server(params)
print("listening", file=sys.stderr, flush=True)
# The pipe closes when the supervisor ends, however it ends.
sys.stdin.buffer.read()
os._exit(0)

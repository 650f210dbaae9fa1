"""A model server as a program of the config: PORT FOLDER MODES, then whatever follows."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time

port, folder, modes = int(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
token = os.environ.get("TOKEN", "")


def note(name, text):
    with open(os.path.join(folder, name), "a") as file:
        file.write(f"{text}\n")


def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()


if "child" in modes:
    # It listens to no one, as a child in an uninterruptible call.
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    child.stdout.readline()
    note("children", child.pid)
note("starts", os.getpid())
note("arguments", json.dumps([os.getcwd(), *sys.argv[4:]]))
say(f"token {token}\n")
print(f"token {token}", file=sys.stderr, flush=True)
say("half " + token[: len(token) // 2])
time.sleep(0.05)
say(token[len(token) // 2 :] + "\n")
if "dies" in modes:
    sys.exit("CUDA error: out of memory")
if "never" in modes:
    time.sleep(600)

both = threading.Barrier(2 if "pair" in modes else 1)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def head(self, status, kind):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.end_headers()

    def do_GET(self):
        for name in ["authorization", "x-team"]:
            say(f"{name} {self.headers.get(name)}\n")
        self.head(200, "application/json")
        self.wfile.write(json.dumps({"object": "list", "data": [{"id": "m1"}]}).encode())

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        both.wait(30)
        self.head(200, "text/event-stream")
        for piece in ["po", "ng"]:
            self.event({"choices": [{"index": 0, "delta": {"content": piece}}]})
            time.sleep(0.6 if "slow" in modes else 0)
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, data):
        self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()


http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()

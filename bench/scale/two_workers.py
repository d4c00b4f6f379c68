"""P7: what a second worker brings where these two cores are not what is waited for.

    .venv/bin/python -P bench/scale/two_workers.py

The work is `HostedModel`, asked through HTTP by workers of a Ray cluster on this machine; the host is a small server that
answers after 200 ms. A worker asks 4 questions at once, as everywhere. One worker and two take turns, five times each; a
time is that of the whole executor on a cluster that is up, from the first piece that is planned to the last answer, the
start of the workers within it. Answers are compared: every question has its own.
"""

import argparse
import http.server
import json
import statistics
import sys
import threading
import time
from pathlib import Path

import cloudpickle

sys.path += [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "tests" / "real")]
from figures import Figure, tell
from ray_head import ray_head

from evalgate.cluster import Where, Workers, pooled

PIECE, LATENCY_S = 16, 0.2
TARGET = 1.9


class Host(http.server.BaseHTTPRequestHandler):
    """Answers a question with itself, 200 ms later."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
        time.sleep(LATENCY_S)
        message = {"role": "assistant", "content": sent["messages"][-1]["content"]}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        usage = {"prompt_tokens": 8, "completion_tokens": 8, "total_tokens": 16}
        told = {"id": "c", "object": "chat.completion", "created": 0, "model": sent["model"], "choices": [choice], "usage": usage}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def asks(url: str):
    """`make` for workers: the hosted model, loaded once."""

    def make():
        from evalgate.models.hosted import Host as At
        from evalgate.models.hosted import HostedChat
        from evalgate.models.hosted_model import HostedModel
        from evalgate.records.evaluation import Decoding, Variant
        from evalgate.records.suite import Message

        variant = Variant(name="hosted", model="openai:echo", model_sha256="0" * 64, prompt_sha256="0" * 64)
        model = HostedModel(variant, HostedChat(At(model="echo", base_url=url, key=None)))

        def work(piece):
            asked = [(Message(role="user", content=text),) for text in piece]
            for answer in model.answer(asked, Decoding(max_new_tokens=16)):
                yield piece[answer.place], answer.text

        return work

    return make


def seconds(address: str, url: str, workers: int, cases: int) -> float:
    pieces = [[f"question {n}" for n in range(begin, begin + PIECE)] for begin in range(0, cases, PIECE)]
    begun = time.monotonic()
    got = [answer for _, answer in pooled(Where(address), Workers(workers, cpus=0.5))(asks(url), pieces)]
    took = time.monotonic() - begun
    assert len(got) == cases
    assert all(asked == answered for asked, answered in got)
    return took


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--cases", type=int, default=960)
    options.add_argument("--repeat", type=int, default=5)
    chosen = options.parse_args()
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    server = Server(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    took: dict[int, list[float]] = {1: [], 2: []}
    with ray_head(cpus=2) as head:
        seconds(head.address, url, 2, 64)  # the first on a cluster waits for Ray's own processes
        for turn in range(chosen.repeat):
            for workers in (1, 2) if turn % 2 == 0 else (2, 1):
                took[workers].append(seconds(head.address, url, workers, chosen.cases))
                print(f"{workers} workers: {took[workers][-1]:.1f} s", file=sys.stderr)
    ratios = [one / two for one, two in zip(took[1], took[2], strict=True)]
    ratio = round(statistics.median(ratios), 3)
    figure = Figure("P7: one worker's time / two workers'", ratio, f"at least {TARGET}", ratio >= TARGET, _spread(ratios))
    ideal = chosen.cases * LATENCY_S / 4
    return tell([figure], seconds=took, perfect_s={1: ideal, 2: ideal / 2}, cases=chosen.cases, latency_s=LATENCY_S)


def _spread(values: list[float]) -> tuple[float, float]:
    return round(min(values), 3), round(max(values), 3)


if __name__ == "__main__":
    sys.exit(main())

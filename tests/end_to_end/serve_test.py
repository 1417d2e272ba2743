"""hearth serve: the real binary over real sockets, and an unmodified client where one is installed."""
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from harness import BINARY, Case, clean_environment, main, needs_stories, stories

try:
    import openai
except ImportError:
    openai = None


class Server:
    """A running `hearth serve`; its ready line tells the address."""

    def __init__(self, home, *arguments, env=None):
        self.process = subprocess.Popen([BINARY, "serve", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=clean_environment(home, **(env or {})))
        self.ready = self.process.stdout.readline()
        if not self.ready:
            raise AssertionError(f"the server did not start: {self.process.communicate(timeout=30)[1]}")
        found = re.match(r"https?://\S+:(\d+) ", self.ready)
        self.port = int(found.group(1)) if found else 0

    def stop(self, number=signal.SIGTERM, timeout=60):
        """Ends it; returns exit code and standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, err

    def connection(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, path, body=None, headers=None, method=None):
        """(status, headers, body as JSON or text) of one request on a connection of its own."""
        connection = self.connection()
        content = json.dumps(body) if isinstance(body, (dict, list)) else body
        connection.request(method or ("GET" if body is None else "POST"), path, content, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        is_json = answer.getheader("Content-Type", "").startswith("application/json")
        return answer.status, answer.headers, json.loads(text) if is_json and text else text

    def events(self, path, body):
        """The data of each event of a stream, [DONE] left out but checked for."""
        status, headers, text = self.ask(path, {**body, "stream": True})
        assert status == 200 and headers["Content-Type"].startswith("text/event-stream"), (status, text)
        data = [line.removeprefix("data: ") for line in text.split("\n\n") if line.startswith("data: ")]
        assert data[-1] == "[DONE]", text
        return [json.loads(item) for item in data[:-1]]


class ServeCase(Case):
    def serve(self, *arguments, env=None):
        server = Server(self.home, *arguments, "--port", 0, env=env)
        self.addCleanup(server.stop)
        return server


@needs_stories
class Basics(ServeCase):
    def test_ready_line_health_and_models(self):
        server = self.serve(stories(), "--parallel", 2)
        self.assertRegex(server.ready, r"^http://127\.0\.0\.1:\d+ serves stories260K-F32: context 512, KV f16.* pages of 16 tokens, 2 in parallel\n$")
        self.assertEqual(server.ask("/health")[2], {"status": "ok"})
        self.assertEqual(server.ask("/ready")[0], 200)
        models = server.ask("/v1/models")[2]
        self.assertEqual([m["id"] for m in models["data"]], ["stories260K-F32"])
        self.assertEqual(server.ask("/v1/models/default")[2]["id"], "stories260K-F32")
        status, _, answer = server.ask("/v1/models/other")
        self.assertEqual((status, answer["error"]["code"]), (404, "not_found"))
        self.assertEqual(answer["error"]["message"], "there is no model 'other'; this server has: stories260K-F32")

    def test_completion_is_what_run_says(self):
        server = self.serve(stories())
        expected = self.hearth("run", stories(), "Once upon a time", "--raw", "--temperature", 0, "-n", 20, "--quiet").stdout
        status, headers, answer = server.ask("/v1/completions", {"prompt": "Once upon a time", "temperature": 0, "max_tokens": 20},
                                             headers={"x-request-id": "abc.1"})
        self.assertEqual((status, headers["x-request-id"], answer["id"]), (200, "abc.1", "cmpl-abc.1"))
        self.assertEqual(answer["choices"], [{"index": 0, "text": expected, "logprobs": None, "finish_reason": "length"}])
        self.assertEqual(answer["usage"]["completion_tokens"], 20)
        self.assertEqual(answer["timings"]["predicted_n"], 20)
        events = server.events("/v1/completions", {"prompt": "Once upon a time", "temperature": 0, "max_tokens": 20})
        self.assertEqual("".join(e["choices"][0]["text"] for e in events), expected)

    def test_drain(self):
        server = self.serve(stories())
        connection = server.connection()
        connection.request("POST", "/v1/completions", json.dumps({"prompt": "Once", "max_tokens": 300, "ignore_eos": True, "stream": True}))
        answer = connection.getresponse()
        answer.readline()
        server.process.send_signal(signal.SIGTERM)
        text = answer.read().decode()
        self.assertTrue(text.endswith("data: [DONE]\n\n"), text[-200:])
        _, err = server.process.communicate(timeout=60)
        self.assertEqual((server.process.returncode, err), (0, ""))


if __name__ == "__main__":
    sys.exit(main())

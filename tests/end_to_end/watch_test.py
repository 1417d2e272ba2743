"""Watching a server: hearth top, in a terminal and out of one; and traces, as a collector receives them."""
import fcntl
import http.server
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

import serve_test
from harness import BINARY, Case, clean_environment, main, needs_stories, stories


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Terminal:
    """A program on a terminal of 24 rows; `seen` is everything that it wrote."""

    def __init__(self, home, *arguments, columns=100, **environment):
        self.master, self.slave = pty.openpty()
        self.resize(columns)
        self.settings = termios.tcgetattr(self.slave)
        env = {**clean_environment(home), "TERM": "xterm", **environment}
        self.process = subprocess.Popen([BINARY, *map(str, arguments)], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        env=env, start_new_session=True)
        self.seen = ""

    def resize(self, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def wait_for(self, pattern, timeout=30):
        """Reads until `pattern` stands in what came since the last call; returns that."""
        start, end = len(self.seen), time.monotonic() + timeout
        while not re.search(pattern, self.seen[start:], re.S):
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"{pattern!r} did not come; this did: {self.seen[start:]!r}")
            self.seen += os.read(self.master, 65536).decode()
        return self.seen[start:]

    def end(self):
        """Waits for the program's end; returns its exit code."""
        code = self.process.wait(timeout=30)
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536).decode()
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


class Away(Case):
    def terminal(self, *arguments, **more):
        terminal = Terminal(self.home, *arguments, **more)
        self.addCleanup(terminal.close)
        return terminal

    def test_nobody_there(self):
        url = f"http://127.0.0.1:{free_port()}"
        self.refused("top", url, "--once", code=69, sentence=f"{url}/metrics: nobody listens there")
        self.refused("top", "file:///etc", "--once", code=2,
                     sentence="'file:///etc/metrics' is no address: it must begin with http:// or https://")

    def test_goes_on_trying_and_leaves_the_terminal_clean(self):
        for ending in ("q", signal.SIGINT, signal.SIGTERM):
            terminal = self.terminal("top", f"http://127.0.0.1:{free_port()}", "--interval", "0.2")
            terminal.wait_for("nobody listens there.*nobody listens there")
            if ending == "q":
                os.write(terminal.master, b"q")
            else:
                terminal.process.send_signal(ending)
            self.assertEqual(terminal.end(), 0)
            self.assertTrue(terminal.seen.startswith("\x1b[?1049h\x1b[?25l"))
            self.assertTrue(terminal.seen.endswith("\x1b[?25h\x1b[?1049l"), terminal.seen[-80:])
            self.assertEqual(termios.tcgetattr(terminal.slave), terminal.settings)


@needs_stories
class Watching(serve_test.ServeCase):
    def test_once_and_json(self):
        server = self.serve(stories())
        url = f"http://127.0.0.1:{server.port}/"
        text = self.hearth("top", url, "--once", "--interval", 0.1).stdout
        self.assertRegex(text, r"^hearth top  http://127\.0\.0\.1:\d+\n\nstories260K-F32\n  requests     0 running  0 waiting  0 ended")
        self.assertNotIn("not loaded", text)  # before its first request
        self.assertNotIn("\x1b", text)
        watching = subprocess.Popen([BINARY, "top", url, "--json", "--interval", "2"], stdout=subprocess.PIPE,
                                    env=clean_environment(self.home))
        end = time.monotonic() + 20
        while watching.poll() is None and time.monotonic() < end:
            server.ask("/v1/completions", {"prompt": "Once upon a time there was a little cat. " * 4, "max_tokens": 8, "ignore_eos": True})
        model = json.loads(watching.communicate()[0])["models"][0]
        self.assertEqual(model["model"], "stories260K-F32")
        for key in ("ended", "prompt_tokens_per_second", "generated_tokens_per_second"):
            self.assertGreater(model[key], 0, key)
        self.assertGreater(model["pages"]["free"], 0)
        self.assertLessEqual(model["first_token_seconds"]["p50"], model["first_token_seconds"]["p99"])
        self.assertGreater(model["cache_share"]["memory"], 0)  # the same prompt again and again

    def test_keys(self):
        server = self.serve(stories(), "--api-key", "secret")
        url = f"http://127.0.0.1:{server.port}"
        self.refused("top", url, "--once", code=77, sentence=f"{url}: the server wants a key: --api-key")
        self.hearth("top", url, "--once", "--interval", 0.1, "--api-key", "secret")
        self.hearth("top", url, "--once", "--interval", 0.1, env={"HEARTH_API_KEY": "secret"})

    def test_live_resizes_and_survives_the_server(self):
        server = self.serve(stories())
        terminal = Terminal(self.home, "top", f"http://127.0.0.1:{server.port}", "--interval", "0.2")
        self.addCleanup(terminal.close)
        plain = terminal.wait_for("generated 0.0")
        self.assertNotRegex(plain, r"\x1b\[\d*m")  # NO_COLOR is set
        terminal.resize(20)
        terminal.process.send_signal(signal.SIGWINCH)
        frame = terminal.wait_for(r"hearth top  http://\x1b\[K.*\x1b\[\?2026l").split("hearth top  http://\x1b[K")[1].split("\x1b[?2026l")[0]
        self.assertEqual(max(map(len, re.sub(r"\x1b\[[?0-9]*[a-zA-Z]", "", frame.replace("\r", "")).split("\n"))), 19)
        terminal.resize(200)
        server.stop()
        away = terminal.wait_for("nobody listens there .*tokens/s")  # what was read last stays
        self.assertIn("trying again every 0.2 s", away)
        os.write(terminal.master, b"q")
        self.assertEqual(terminal.end(), 0)

    def test_colours(self):
        server = self.serve(stories())
        terminal = Terminal(self.home, "top", f"http://127.0.0.1:{server.port}", "--interval", "0.2", NO_COLOR="")
        self.addCleanup(terminal.close)
        terminal.wait_for(r"\x1b\[1mstories260K-F32\x1b\[0m")


class Collector:
    """Receives OTLP over HTTP; refuses the first `refusals` calls as one that is busy."""

    def __init__(self, refusals=0):
        self.spans, self.bodies, self.news = [], [], threading.Condition()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with collector.news:
                    is_refused = len(collector.bodies) < refusals
                    collector.bodies.append((self.path, self.headers["Content-Type"], body.decode()))
                    if not is_refused:
                        for resource in json.loads(body)["resourceSpans"]:
                            for scope in resource["scopeSpans"]:
                                collector.spans += [{**span, "resource": named(resource["resource"])} for span in scope["spans"]]
                    collector.news.notify_all()
                self.send_response(503 if is_refused else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, spans, timeout=30):
        with self.news:
            assert self.news.wait_for(lambda: len(self.spans) >= spans, timeout), f"{len(self.spans)} spans of {spans}"
            return list(self.spans)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def named(thing):
    """The attributes of a span, an event or a resource, as Python values."""
    def value(any_value):
        (kind, content), = any_value.items()
        return {"intValue": int, "arrayValue": lambda a: [value(v) for v in a["values"]]}.get(kind, lambda v: v)(content)
    return {attribute["key"]: value(attribute["value"]) for attribute in thing["attributes"]}


@needs_stories
class Traces(serve_test.ServeCase):
    TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

    def collector(self, refusals=0):
        collector = Collector(refusals)
        self.addCleanup(collector.close)
        return collector

    def test_a_request_and_its_stages(self):
        collector = self.collector()
        server = self.serve(stories(), "--otlp-endpoint", collector.url)
        body = {"model": "default", "prompt": "Once upon a time", "max_tokens": 12, "ignore_eos": True}
        answer = server.ask("/v1/completions", body, headers={"traceparent": f"00-{self.TRACE}-{self.PARENT}-01"})[2]
        spans = collector.wait_for(4)
        whole = next(s for s in spans if s["kind"] == 2)
        self.assertEqual((whole["traceId"], whole["parentSpanId"]), (self.TRACE, self.PARENT))
        self.assertEqual((whole["name"], whole["status"]), ("text_completion stories260K-F32", {"code": 0}))
        attributes = named(whole)
        expected = {"gen_ai.operation.name": "text_completion", "gen_ai.provider.name": "hearth", "gen_ai.request.model": "default",
                    "gen_ai.response.model": "stories260K-F32", "gen_ai.response.finish_reasons": ["length"],
                    "gen_ai.usage.input_tokens": answer["usage"]["prompt_tokens"], "gen_ai.usage.output_tokens": 12,
                    "gen_ai.usage.cache_read.input_tokens": 0}
        self.assertEqual({key: attributes.get(key) for key in expected}, expected)
        self.assertEqual(whole["resource"]["service.name"], "hearth")
        stages = {s["name"]: s for s in spans if s is not whole}
        self.assertEqual(set(stages), {"queue", "prefill", "decode"})
        times = [whole["startTimeUnixNano"]]
        for name in ("queue", "prefill", "decode"):
            stage = stages[name]
            self.assertEqual((stage["traceId"], stage["parentSpanId"], stage["kind"]), (self.TRACE, whole["spanId"], 1))
            times += [stage["startTimeUnixNano"], stage["endTimeUnixNano"]]
        times.append(whole["endTimeUnixNano"])
        self.assertEqual(times, sorted(times, key=int))
        self.assertLess(abs(int(times[0]) / 1e9 - time.time()), 600)
        event, = whole["events"]
        self.assertEqual((event["name"], event["timeUnixNano"]), ("gen_ai.first_token", stages["decode"]["startTimeUnixNano"]))
        self.assertGreater(named(event)["gen_ai.server.time_to_first_token"], 0)
        path, kind, sent = collector.bodies[0]
        self.assertEqual((path, kind), ("/v1/traces", "application/json"))
        for text in (body["prompt"], answer["choices"][0]["text"].strip()[:12]):
            self.assertNotIn(text, sent)

    def test_errors_choices_and_what_is_not_sampled(self):
        collector = self.collector()
        server = self.serve(stories(), env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "kitchen"})
        prompt = {"prompt": "Once", "max_tokens": 4, "ignore_eos": True}
        server.ask("/v1/completions", prompt, headers={"traceparent": f"00-{self.TRACE}-{self.PARENT}-00"})
        server.ask("/v1/completions", {**prompt, "temperature": "secret words"})
        server.ask("/v1/completions", {**prompt, "n": 2})
        spans = collector.wait_for(8)
        server.stop()
        self.assertEqual(len(collector.spans), 8)
        self.assertNotIn(self.TRACE, {s["traceId"] for s in spans})
        failed, = [s for s in spans if s["status"]["code"] == 2]
        self.assertEqual((failed["name"], named(failed)["error.type"]), ("POST /v1/completions", "invalid_argument"))
        self.assertNotIn("secret words", str(collector.bodies))
        both, = [s for s in spans if s["kind"] == 2 and s is not failed]
        attributes = named(both)
        self.assertEqual(attributes["gen_ai.response.finish_reasons"], ["length", "length"])
        self.assertEqual(attributes["gen_ai.usage.output_tokens"], 8)
        self.assertEqual(attributes["gen_ai.usage.input_tokens"], named(next(s for s in spans if s["name"] == "prefill"))["gen_ai.usage.input_tokens"])
        self.assertEqual(both["resource"]["service.name"], "kitchen")

    def test_a_busy_collector_gets_them_later_and_an_absent_one_is_said_once(self):
        collector = self.collector(refusals=1)
        server = self.serve(stories(), "--otlp-endpoint", collector.url)
        server.ask("/v1/completions", {"prompt": "Once", "max_tokens": 2, "ignore_eos": True})
        self.assertEqual(len(collector.wait_for(4)), 4)
        self.assertEqual(len(collector.bodies), 2)
        server.stop()
        url = f"http://127.0.0.1:{free_port()}"
        server = self.serve(stories(), "--otlp-endpoint", url)
        for _ in range(2):
            self.assertEqual(server.ask("/v1/completions", {"prompt": "Once", "max_tokens": 2, "ignore_eos": True})[0], 200)
        code, err = server.stop()
        self.assertEqual(code, 0)
        self.assertIn(f"traces go to {url}/v1/traces", err)
        self.assertEqual(err.count("spans are lost"), 1, err)
        self.assertIn("8 spans were lost", err)

    def test_an_address_that_is_none(self):
        self.refused("serve", stories(), "--otlp-endpoint", "localhost:4318", code=2,
                     sentence="'localhost:4318' is no address: it must begin with http:// or https://")


if __name__ == "__main__":
    sys.exit(main())

"""hearth serve: the real binary over real sockets, and an unmodified client where one is installed."""
import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

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


@needs_stories
class Generation(ServeCase):
    def test_chat_is_what_run_says(self):
        server = self.serve(stories())
        expected = self.hearth("run", stories(), "hello", "--temperature", 0, "-n", 12, "--quiet").stdout
        body = {"messages": [{"role": "user", "content": "hello"}], "temperature": 0, "max_tokens": 12}
        whole = server.ask("/v1/chat/completions", body)[2]
        self.assertEqual(whole["choices"][0]["message"], {"role": "assistant", "content": expected})
        events = server.events("/v1/chat/completions", {**body, "stream_options": {"include_usage": True}})
        self.assertEqual("".join(e["choices"][0]["delta"].get("content", "") for e in events[:-1]), expected)
        self.assertEqual(events[-1]["choices"], [])
        self.assertEqual(events[-1]["usage"]["completion_tokens"], 12)
        self.assertEqual(events[-1]["usage"]["prompt_tokens"], whole["usage"]["prompt_tokens"])

    def test_prompts_are_found_in_the_cache(self):
        server = self.serve(stories())
        body = {"prompt": "Once upon a time, there was a little girl named Lily. She loved to play outside in the park.",
                "max_tokens": 2, "temperature": 0}
        first, second = (server.ask("/v1/completions", body)[2] for _ in range(2))
        self.assertEqual(first["choices"], second["choices"])
        self.assertEqual(first["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
        self.assertGreater(second["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
        self.assertEqual(second["timings"]["cache_n"], second["usage"]["prompt_tokens_details"]["cached_tokens"])

    def test_where_a_prompt_left_the_last_one(self):
        server = self.serve(stories(), "--explain-misses")
        story = "Once upon a time, there was a little girl named Lily. She loved to play outside in the {}. One day, she saw a big dog."
        body = {"max_tokens": 1, "temperature": 0, "explain_prefix_miss": True}
        first = server.ask("/v1/completions", {**body, "prompt": story.format("park")})[2]
        self.assertNotIn("prefix_miss", first)
        miss = server.ask("/v1/completions", {**body, "prompt": story.format("sun")})[2]["prefix_miss"]
        self.assertTrue(miss["before"].endswith(" in the"), miss)
        self.assertTrue(miss["last_prompt"].startswith(" park"), miss)
        self.assertTrue(miss["this_prompt"].startswith(" sun"), miss)
        self.assertEqual(server.events("/v1/completions", {**body, "prompt": story.format("rain")})[-1]["prefix_miss"]["position"], miss["position"])
        self.assertNotIn("prefix_miss", server.ask("/v1/completions", {"prompt": story.format("car"), "max_tokens": 1})[2])
        code, log = server.stop()
        self.assertEqual(code, 0)
        self.assertEqual(log.count(f"leaves the last one of its key at token {miss['position']}"), 3)

    def test_nobody_is_shown_what_others_said(self):
        # Without keys all clients are one: only a server that was asked to explains. With keys each sees its own.
        story = "Once upon a time, there was a little girl named Lily. She loved to play outside in the {}. One day, she saw a big dog."
        body = {"max_tokens": 1, "temperature": 0, "explain_prefix_miss": True}
        for flags, headers, is_told in (((), {}, False), (("--api-key", "k"), {"Authorization": "Bearer k"}, True)):
            server = self.serve(stories(), *flags)
            for place in ("park", "sun"):
                answer = server.ask("/v1/completions", {**body, "prompt": story.format(place)}, headers)[2]
            self.assertEqual("prefix_miss" in answer, is_told, answer)

    def test_what_agents_change_in_front_of_a_prompt(self):
        messages = lambda code: [{"role": "system", "content": f"x-anthropic-billing-header: cc_version=2.1.37.{code}; cch={code};\n" + "Be kind. " * 30},
                                 {"role": "user", "content": "hello"}]
        for flags, is_found in (((), False), (("--normalize-prompts",), True)):
            server = self.serve(stories(), *flags)
            usage = [server.ask("/v1/chat/completions", {"messages": messages(code), "max_tokens": 1})[2]["usage"] for code in ("0d9", "fa6")]
            self.assertEqual(usage[1]["prompt_tokens_details"]["cached_tokens"] > 100, is_found, usage)

    def test_stop_seed_n_and_logprobs(self):
        server = self.serve(stories())
        stopped = server.ask("/v1/completions", {"prompt": "Once upon a time", "temperature": 0, "stop": ["little"]})[2]
        self.assertEqual((stopped["choices"][0]["text"], stopped["choices"][0]["finish_reason"]), (", there was a ", "stop"))
        body = {"prompt": "Once", "max_tokens": 16, "temperature": 1, "seed": 7, "n": 3}
        several = [c["text"] for c in server.ask("/v1/completions", body)[2]["choices"]]
        self.assertEqual(len(set(several)), 3)
        self.assertEqual(several, [c["text"] for c in server.ask("/v1/completions", body)[2]["choices"]])
        self.assertEqual(several[0], server.ask("/v1/completions", {**body, "n": 1})[2]["choices"][0]["text"])
        chat = server.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "max_tokens": 3, "logprobs": True, "top_logprobs": 2})[2]
        tokens = chat["choices"][0]["logprobs"]["content"]
        self.assertEqual([len(t["top_logprobs"]) for t in tokens], [2, 2, 2])
        self.assertTrue(all(t["logprob"] <= t["top_logprobs"][0]["logprob"] <= 0 for t in tokens))

    def test_thirty_two_at_once_say_what_each_says_alone(self):
        server = self.serve(stories(), "--parallel", 32)
        bodies = [{"prompt": f"Once upon a time number {i}", "max_tokens": 40, "temperature": 1, "seed": i} for i in range(32)]
        alone = [server.ask("/v1/completions", body)[2]["choices"][0]["text"] for body in bodies]
        together = [None] * len(bodies)

        def ask(i):
            together[i] = "".join(e["choices"][0]["text"] for e in server.events("/v1/completions", bodies[i]))
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(bodies))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(together, alone)

    def test_context_overflow(self):
        long = [{"role": role, "content": f"turn {i} " + "word " * 60} for i in range(4) for role in ("user", "assistant")]
        body = {"messages": [{"role": "system", "content": "Be brief."}, *long, {"role": "user", "content": "last"}], "max_tokens": 8}
        status, _, answer = self.serve(stories()).ask("/v1/chat/completions", body)
        self.assertEqual((status, answer["error"]["type"], answer["error"]["n_ctx"]), (400, "exceed_context_size_error", 512))
        self.assertGreaterEqual(answer["error"]["n_prompt_tokens"], 512)
        self.assertEqual(answer["error"]["code"], "context_length_exceeded")
        willing = self.serve(stories(), "--overflow", "truncate-oldest-turns")
        status, _, answer = willing.ask("/v1/chat/completions", body)
        self.assertEqual(status, 200)
        dropped = answer["truncation"]
        self.assertEqual((dropped["policy"], dropped["dropped_messages"]), ("truncate-oldest-turns", 2 * dropped["dropped_turns"]))
        self.assertLessEqual(answer["usage"]["prompt_tokens"] + 8, 512)
        self.assertEqual(willing.events("/v1/chat/completions", body)[0]["truncation"], dropped)

    def test_metrics(self):
        server = self.serve(stories())
        server.ask("/v1/completions", {"prompt": "Once", "max_tokens": 5, "ignore_eos": True})
        text = server.ask("/metrics")[2]
        for prefix in ("hearth:", "vllm:"):
            for line in ('generation_tokens_total{model_name="stories260K-F32"} 5', 'num_requests_running{model_name="stories260K-F32"} 0',
                         'request_success_total{model_name="stories260K-F32",finished_reason="length"} 1',
                         'time_to_first_token_seconds_count{model_name="stories260K-F32"} 1',
                         'inter_token_latency_seconds_count{model_name="stories260K-F32"} 4'):
                self.assertIn(f"\n{prefix}{line}\n", text)
        heads = re.findall(r"^# TYPE (\S+)", text, re.M)
        self.assertEqual(len(heads), len(set(heads)))
        self.assertIn('hearth:http_responses_total{status="200"} 1', text)


@needs_stories
class Clients(ServeCase):
    """Those who leave, hurry, lie or are too many."""

    def running(self, server):
        return int(re.search(r"^hearth:num_requests_running{[^}]*} (\d+)$", server.ask("/metrics")[2], re.M).group(1))

    def test_a_vanished_client_ends_its_request(self):
        server = self.serve(stories())
        for is_stream in (True, False):
            connection = server.connection()
            connection.request("POST", "/v1/completions", json.dumps(
                {"prompt": "Once", "max_tokens": 500, "ignore_eos": True, "stream": is_stream, "n": 16}))
            if is_stream:
                connection.getresponse().readline()
            connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()
        idle, deadline = 0, time.monotonic() + 30
        while idle < 10 and time.monotonic() < deadline:  # a request that was sent may still be on its way
            idle = 0 if self.running(server) > 0 else idle + 1
            time.sleep(0.02)
        self.assertEqual(idle, 10)
        self.assertIn('finished_reason="cancelled"', server.ask("/metrics")[2])

    def test_a_full_queue_refuses_with_advice(self):
        server = self.serve(stories(), "--parallel", 1, "--queue", 1, "--backend", "reference", "--context", 4096)  # slow and long
        status, _, answer = server.ask("/v1/completions", {"prompt": "Once", "n": 8})
        self.assertEqual((status, answer["error"]["message"]), (400, "8 continuations are asked for and 1 requests may wait at once: "
                                                                     "ask for fewer, or raise --queue"))
        held = [server.connection() for _ in range(2)]  # one answered, one waiting
        for connection in held:
            connection.request("POST", "/v1/completions", json.dumps({"prompt": "Once", "max_tokens": 4000, "ignore_eos": True, "stream": True}))
            connection.getresponse()
            deadline = time.monotonic() + 30
            while self.running(server) == 0 and time.monotonic() < deadline:
                time.sleep(0.01)
        status, headers, answer = server.ask("/v1/completions", {"prompt": "Once"})
        self.assertEqual((status, answer["error"]["type"], answer["error"]["code"]), (429, "rate_limit_error", "busy"))
        self.assertTrue(answer["error"]["message"].startswith("1 requests are waiting already: try again in "))
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        for connection in held:
            connection.close()
        deadline = time.monotonic() + 30
        while (status := server.ask("/v1/completions", {"prompt": "Once", "max_tokens": 1})[0]) == 429 and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(status, 200)

    def test_hostile_bytes_leave_the_server_well(self):
        server = self.serve(stories())
        length = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
        deep = b'{"messages":' + b"[" * 60000
        for content in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000, length % -1, length % (1 << 40),
                        length % len(deep) + deep, length % 2 + b"{}", length % 3 + b'{"\xff', b"\0" * 1000,
                        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as s:
                s.sendall(content)
                s.shutdown(socket.SHUT_WR)
                answer = b""
                while piece := s.recv(4096):
                    answer += piece
            self.assertRegex(answer, rb"^(HTTP/1.1 4\d\d [^\r]*\r\n|$)", content[:60])
        self.assertEqual(server.ask("/health")[0], 200)

    def test_bodies_that_are_wrong(self):
        server = self.serve(stories())
        for body, status, param in (("{", 400, None), ('{"prompt": 5}', 400, "prompt"), ({"prompt": "x", "model": 5}, 400, "model"),
                                    ({"prompt": "x", "model": "other"}, 404, None), ({"prompt": [600]}, 400, None),
                                    ({"prompt": ""}, 200, None), ({"prompt": "x", "logit_bias": {"512": 1}}, 400, None)):
            got, _, answer = server.ask("/v1/completions", {**body, "max_tokens": 1} if isinstance(body, dict) else body, method="POST")
            self.assertEqual(got, status, (body, answer))
            if status >= 400:
                self.assertEqual(answer["error"]["param"], param, (body, answer))

    def test_types_of_keys_and_values(self):
        self.assertIn(", KV f32/bf16 ", self.serve(stories(), "--k-type", "f32", "--v-type", "bf16").ready)

    def test_drain_timeout_cuts_and_exits_cleanly(self):
        server = self.serve(stories(), "--drain-timeout", 0)
        connection = server.connection()
        connection.request("POST", "/v1/completions", json.dumps({"prompt": "Once", "ignore_eos": True, "stream": True, "n": 16}))
        connection.getresponse().readline()
        server.process.send_signal(signal.SIGINT)
        _, err = server.process.communicate(timeout=30)
        self.assertEqual((server.process.returncode, err), (0, "warning: stopping: 1 connections are cut\n"))


@needs_stories
class Access(ServeCase):
    def test_others_need_a_key(self):
        self.refused("serve", stories(), "--host", "0.0.0.0", "--port", 0, code=2,
                     sentence="listening on 0.0.0.0 lets others in: give an API key with --api-key or --api-key-file")
        keys = self.write("keys", "# of the team\nalpha\n\nbeta\n")
        server = self.serve(stories(), "--host", "0.0.0.0", "--api-key-file", keys, "--api-key", "gamma", "--admin-key", "root")
        self.assertEqual(server.ask("/v1/models")[0], 401)
        self.assertEqual(server.ask("/metrics")[0], 401)
        self.assertEqual(server.ask("/health")[0], 200)
        for key in ("alpha", "beta", "gamma"):
            self.assertEqual(server.ask("/v1/models", headers={"Authorization": f"Bearer {key}"})[0], 200)
            self.assertEqual(server.ask("/admin/models", headers={"Authorization": f"Bearer {key}"})[0], 401)
        self.assertEqual(server.ask("/admin/models", headers={"Authorization": "Bearer root"})[2]["models"][0]["id"], "stories260K-F32")

    def test_hosts_and_origins(self):
        server = self.serve(stories(), "--allow-origin", "https://app.example", "--allow-host", "llm.local")
        self.assertEqual(server.ask("/v1/models", headers={"Host": "evil.example"})[0], 403)
        self.assertEqual(server.ask("/v1/models", headers={"Host": "llm.local"})[0], 200)
        self.assertEqual(server.ask("/v1/models", headers={"Origin": "https://evil.example"})[0], 403)
        headers = server.ask("/v1/models", headers={"Origin": "https://app.example"})[1]
        self.assertEqual(headers["Access-Control-Allow-Origin"], "https://app.example")

    def test_tls(self):
        certificate, key = str(self.home / "cert.pem"), str(self.home / "key.pem")
        try:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                            "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        except FileNotFoundError:
            self.skipTest("the program openssl is absent")
        server = self.serve(stories(), "--tls-cert", certificate, "--tls-key", key)
        self.assertTrue(server.ready.startswith("https://127.0.0.1:"), server.ready)
        connection = http.client.HTTPSConnection("localhost", server.port, timeout=30, context=ssl.create_default_context(cafile=certificate))
        for _ in range(2):
            connection.request("POST", "/v1/completions", json.dumps({"prompt": "Once", "max_tokens": 5, "stream": True}))
            self.assertTrue(connection.getresponse().read().endswith(b"data: [DONE]\n\n"))
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertNotIn(b"200 OK", plain.recv(1000))
        self.refused("serve", stories(), "--tls-cert", certificate, code=2, sentence="--tls-cert and --tls-key belong together")

    def test_unix_socket(self):
        path = str(self.home / "s.sock")
        server = Server(self.home, stories(), "--unix-socket", path)
        self.addCleanup(server.stop)
        self.assertTrue(server.ready.startswith(f"unix:{path} serves "), server.ready)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(b"GET /health HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n")
            self.assertIn(b"200 OK", s.recv(1000))


@needs_stories
class Models(ServeCase):
    def test_several_by_name(self):
        server = self.serve(f"tiny={stories()}", stories("Q8_0"), "--admin-key", "root")
        self.assertEqual([m["id"] for m in server.ask("/v1/models")[2]["data"]], ["tiny", "stories260K-Q8_0"])
        for name, model in (("default", "tiny"), ("stories260K-Q8_0", "stories260K-Q8_0"), ("tiny", "tiny")):
            self.assertEqual(server.ask("/v1/completions", {"model": name, "prompt": "x", "max_tokens": 1})[2]["model"], model)
        root = {"Authorization": "Bearer root"}
        deadline = time.monotonic() + 30
        while server.ask("/admin/models/unload", {"model": "tiny"}, root)[0] == 429:  # an answered request still lets go of it
            self.assertLess(time.monotonic(), deadline)
        states = {m["id"]: m["meta"]["state"] for m in server.ask("/v1/models")[2]["data"]}
        self.assertEqual(states, {"tiny": "unloaded", "stories260K-Q8_0": "loaded"})
        self.assertEqual(server.ask("/v1/completions", {"prompt": "x", "max_tokens": 1})[2]["model"], "tiny")  # default stays what it was

    def test_folder_on_demand_and_keep_alive(self):
        server = self.serve("--models-dir", Path(stories()).parent, "--keep-alive", 1)
        self.assertRegex(server.ready, r" serves the models of ")
        self.assertEqual(server.ask("/health")[0], 200)
        server.process.stdout.close()  # as those do who wanted to know no more than that it runs
        name = "stories260K-Q4_0"
        self.assertEqual(server.ask("/v1/completions", {"model": name, "prompt": "x", "max_tokens": 1})[0], 200)
        deadline = time.monotonic() + 30
        while server.ask(f"/v1/models/{name}")[2]["meta"]["state"] != "unloaded" and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(server.ask(f"/v1/models/{name}")[2]["meta"]["state"], "unloaded")

    def test_prompts_outlive_the_server(self):
        body = {"prompt": "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. " * 3,
                "max_tokens": 8, "temperature": 0}
        answers = []
        for _ in range(2):
            server = self.serve(stories(), "--prefix-cache-dir", self.home / "prefixes", "--prefix-cache-size", "64MiB")
            answers.append(server.ask("/v1/completions", body)[2])
            self.assertEqual(server.stop()[0], 0)
        self.assertEqual(answers[0]["choices"], answers[1]["choices"])
        self.assertEqual(answers[0]["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
        self.assertGreater(answers[1]["usage"]["prompt_tokens_details"]["cached_tokens"], 0)

    def test_server_defaults_under_the_requests_own(self):
        server = self.serve(stories(), "--max-tokens", 3, "--temperature", 0)
        self.assertEqual(server.ask("/v1/completions", {"prompt": "Once"})[2]["usage"]["completion_tokens"], 3)
        self.assertEqual(server.ask("/v1/completions", {"prompt": "Once", "max_tokens": 4})[2]["usage"]["completion_tokens"], 4)

    def test_what_cannot_be_served(self):
        self.refused("serve", code=2, sentence="no model: name a file or folder, or give a folder of models with --models-dir")
        self.assertIn("no.gguf: there is no such file or folder", self.hearth("serve", "no.gguf", "--port", 0, code=66).stderr)
        broken = self.write("broken.gguf", "no model")
        self.assertIn("broken.gguf", self.hearth("serve", broken, "--port", 0, code=65).stderr)
        self.assertIn("a context of 512 tokens needs", self.hearth("serve", stories(), "--context", 512, "--kv-memory", "4KiB", "--port", 0, code=3).stderr)
        self.assertIn("'lots' is no size", self.hearth("serve", stories(), "--kv-memory", "lots", "--port", 0, code=2).stderr)

    def test_json_logs_hold_no_prompts(self):
        server = self.serve(stories(), "--log-format", "json", "--log-level", "debug")
        server.ask("/v1/completions", {"prompt": "a secret prompt", "max_tokens": 1, "frobnicate": 1})
        _, err = server.stop()
        lines = [json.loads(line) for line in err.splitlines()]
        self.assertTrue(all({"time", "level", "message"} <= line.keys() for line in lines))
        request = next(line for line in lines if line["message"] == "request")
        self.assertEqual((request["method"], request["path"], request["status"]), ("POST", "/v1/completions", 200))
        self.assertTrue(any("frobnicate" in line["message"] for line in lines))
        self.assertNotIn("secret", err)


@needs_stories
@unittest.skipUnless(openai, "the openai package is absent")
class OpenAI(ServeCase):
    """The unmodified client."""

    def client(self, server, key="secret", **more):
        return openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key=key, max_retries=0, **more)

    def test_all_of_it(self):
        server = self.serve(stories(), "--api-key", "secret")
        client = self.client(server)
        self.assertEqual([m.id for m in client.models.list()], ["stories260K-F32"])
        self.assertEqual(client.models.retrieve("default").id, "stories260K-F32")
        completion = client.completions.create(model="default", prompt="Once upon a time", temperature=0, max_tokens=8, logprobs=2)
        self.assertEqual(completion.choices[0].text, ", there was a little girl")
        self.assertEqual(len(completion.choices[0].logprobs.tokens), 8)
        messages = [{"role": "user", "content": "hello"}]
        whole = client.chat.completions.create(model="default", messages=messages, temperature=0, max_completion_tokens=9, seed=1,
                                               logprobs=True, top_logprobs=3, extra_body={"min_p": 0.1, "top_k": 4})
        self.assertEqual(whole.usage.completion_tokens, 9)
        self.assertEqual(len(whole.choices[0].logprobs.content), 9)
        pieces, usage, reason = "", None, None
        for chunk in client.chat.completions.create(model="default", messages=messages, temperature=0, max_tokens=9, stream=True,
                                                    stream_options={"include_usage": True}):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                pieces += choice.delta.content or ""
                reason = choice.finish_reason or reason
        self.assertEqual((pieces, reason, usage.completion_tokens), (whole.choices[0].message.content, "length", 9))

    def test_errors_have_their_types(self):
        server = self.serve(stories(), "--api-key", "secret")
        with self.assertRaises(openai.AuthenticationError):
            self.client(server, "wrong").models.list()
        client = self.client(server)
        with self.assertRaises(openai.NotFoundError):
            client.completions.create(model="other", prompt="x")
        with self.assertRaises(openai.BadRequestError) as raised:
            client.chat.completions.create(model="default", messages=[{"role": "user", "content": "word " * 1000}])
        self.assertEqual(raised.exception.code, "context_length_exceeded")
        with self.assertRaises(openai.BadRequestError) as raised:
            client.chat.completions.create(model="default", messages=[{"role": "user", "content": "x"}], temperature=-1)
        self.assertEqual(raised.exception.param, "temperature")


if __name__ == "__main__":
    sys.exit(main())

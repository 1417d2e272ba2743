"""A chat as a person has it: on a pseudo-terminal, with history, settings, Ctrl-C and Ctrl-D."""
import json
import os
import pty
import re
import select
import signal
import sys
import time

from harness import BINARY, Case, clean_environment, main, needs_stories, stories

CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """The binary on a pseudo-terminal of 100 columns."""

    def __init__(self, home, *flags, **env):
        environment = clean_environment(home, TERM="xterm", **env)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(BINARY, [BINARY, "run", stories(), *flags], environment)
        self.seen = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return False
        try:
            chunk = os.read(self.fd, 65536)
        except OSError:  # how Linux tells that the other side is gone
            return False
        self.seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", chunk.decode(errors="replace")).replace("\r", "")
        return bool(chunk)

    def wait_for(self, words, seconds=60):
        """What was shown up to and with `words`; it is not looked at again."""
        deadline = time.monotonic() + seconds
        while words not in self.seen:
            if time.monotonic() > deadline or not self.read(max(0, deadline - time.monotonic())):
                raise AssertionError(f"waited for {words!r}, saw {self.seen!r}")
        end = self.seen.index(words) + len(words)
        shown, self.seen = self.seen[:end], self.seen[end:]
        return shown

    def ask(self, text, until=">>> "):
        self.type(text + "\n")
        return self.wait_for(until)

    def exit_code(self):
        deadline = time.monotonic() + 30
        while self.read(0.2):
            pass
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError("the chat did not end")


@needs_stories
class Chat(Case):
    def start(self, *flags, **env):
        terminal = Terminal(self.home, *flags, **env)
        terminal.banner = terminal.wait_for(">>> ")
        return terminal

    def test_a_conversation(self):
        chat = self.start("--temperature", "0", "-n", "12")
        self.assertIn("stories260K", chat.banner)
        self.assertIn("no chat template; using the default: plain roles", chat.banner)
        answer = chat.ask("Hello")
        self.assertIn("note: cut after 12 tokens", answer)
        again = chat.ask("/regen")
        self.assertEqual(answer.rsplit("Hello\n", 1)[1], again.rsplit("/regen\n", 1)[1])
        self.assertIn("messages   2", chat.ask("/show"))
        chat.type(CTRL_D)
        self.assertEqual(chat.exit_code(), 0)

    def test_settings(self):
        chat = self.start("-n", "4", "--seed", "3")
        self.assertIn("stats is on", chat.ask("/set stats on"))
        self.assertRegex(chat.ask("Hi"), r"\d+ prompt tokens at [\d.]+ tokens/s, 4 generated at [\d.]+ tokens/s, seed 3")
        self.assertIn("there is no option 'tempature'; did you mean temperature?", chat.ask("/set tempature 1"))
        self.assertIn("temperature takes a number from 0 to 10; it was given 'hot'", chat.ask("/set temperature hot"))
        self.assertIn("temperature is 0.25", chat.ask("/set temperature 0.25"))
        shown = chat.ask("/show")
        self.assertIn("temperature = 0.25 (this chat)", shown)
        self.assertIn("seed = 3 (the command line)", shown)
        self.assertIn("top-p", chat.ask("/set"))
        self.assertIn("there is no command /sett; did you mean /set?", re.sub(r"\s+", " ", chat.ask("/sett x")))
        chat.type("/bye\n")
        self.assertEqual(chat.exit_code(), 0)

    def test_ctrl_c_stops_the_answer_and_keeps_the_chat(self):
        chat = self.start("--temperature", "0", "--ignore-end", "--backend", "reference", "--prefill-chunk", "4")
        chat.type("Tell me a story\n")
        chat.wait_for("Anna, you can go")  # the answer runs
        chat.type(CTRL_C)
        self.assertIn("note: interrupted", chat.wait_for(">>> "))
        self.assertIn("messages   2", chat.ask("/show"))
        chat.type("half a li" + CTRL_C)
        self.assertIn("Ctrl-D or /exit leaves", chat.wait_for(">>> "))
        self.assertIn("messages   2", chat.ask("/show"))
        chat.type("/exit\n")
        self.assertEqual(chat.exit_code(), 0)

    def test_messages_of_several_lines(self):
        chat = self.start("-n", "2")
        saved = self.home / "c.json"
        chat.ask('"""first', until="... ")
        chat.ask('second"""')
        chat.ask("one \\", until="... ")
        chat.ask("two")
        chat.ask("déjà vu")
        chat.ask(f"/save {saved}")
        users = [m["content"] for m in json.loads(saved.read_text())["messages"] if m["role"] == "user"]
        self.assertEqual(users, ["first\nsecond", "one \ntwo", "déjà vu"])
        chat.type(CTRL_D)
        self.assertEqual(chat.exit_code(), 0)

    def test_save_and_load_and_clear(self):
        chat = self.start("-n", "2", "--system", "Be brief.")
        saved = self.home / "c.json"
        chat.ask("Hello")
        self.assertIn("3 messages saved", chat.ask(f"/save {saved}"))
        self.assertIn("a new conversation", chat.ask("/clear"))
        self.assertIn("messages   1", chat.ask("/show"))
        self.assertIn("Be brief.", chat.ask("/system"))
        self.assertIn("user: Hello", chat.ask(f"/load {saved}"))
        self.assertIn("messages   3", chat.ask("/show"))
        chat.ask("/system Be kind.")
        self.assertIn("Be kind.", chat.ask("/system"))
        self.assertIn("no-such.json: no such file", chat.ask("/load no-such.json"))
        self.assertIn("messages   3", chat.ask("/show"))
        chat.type(CTRL_D)
        self.assertEqual(chat.exit_code(), 0)

    def test_a_message_that_does_not_fit_is_taken_back(self):
        chat = self.start("-n", "2", "--context", "64")
        shown = chat.ask("word " * 60)
        self.assertIn("tokens", shown)
        self.assertIn("note: your message was taken back", shown)
        self.assertIn("messages   0", chat.ask("/show"))
        chat.type(CTRL_D)
        self.assertEqual(chat.exit_code(), 0)

    def test_regen_that_fails_leaves_the_conversation(self):
        chat = self.start("-n", "2")
        chat.ask("Hello")
        self.assertIn("messages   2", chat.ask("/show"))
        chat.ask("/set logit-bias 999999=1")
        for _ in range(2):
            self.assertIn("note: the conversation stands as before", chat.ask("/regen"))
        self.assertIn("messages   2", chat.ask("/show"))
        chat.type(CTRL_D)
        self.assertEqual(chat.exit_code(), 0)

    def test_history_across_sessions(self):
        state = {"XDG_STATE_HOME": str(self.home / "state")}
        chat = self.start("-n", "2", **state)
        chat.ask("/set min-p 0.125")
        chat.type(CTRL_D)
        self.assertEqual(chat.exit_code(), 0)
        history = self.home / "state" / "hearth" / "history"
        self.assertEqual(history.stat().st_mode & 0o777, 0o600)
        chat = self.start("-n", "2", **state)
        chat.type("\x1b[A\n")  # arrow up
        self.assertIn("min-p is 0.125", chat.wait_for("0.125\n>>> "))
        chat.type(CTRL_D)
        self.assertEqual(chat.exit_code(), 0)

    def test_forms_that_need_a_prompt(self):
        for flag in ("--raw", "--json", "--stream-json"):
            terminal = Terminal(self.home, flag)
            terminal.wait_for("need a prompt")
            self.assertEqual(terminal.exit_code(), 2)


@needs_stories
class OneShot(Case):
    def test_ctrl_c_ends_with_130(self):
        terminal = Terminal(self.home, "Once", "--raw", "--ignore-end", "--backend", "reference", "--context", "4096")
        terminal.wait_for("upon")
        terminal.type(CTRL_C)
        self.assertEqual(terminal.exit_code(), 130)

    def test_an_empty_prompt(self):
        for stdin in ("", "\n"):
            self.refused("run", stories(), stdin=stdin, code=2, sentence="the prompt is empty: give one as an argument or on "
                         "standard input, or begin with nothing by --raw")


if __name__ == "__main__":
    sys.exit(main())

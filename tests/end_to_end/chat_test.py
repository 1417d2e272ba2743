"""A chat as a person has it: on a pseudo-terminal, with history, settings, Ctrl-C and Ctrl-D."""
import json
import os
import pty
import re
import select
import signal
import sys
import termios
import time

from harness import BINARY, Case, clean_environment, main, needs_stories, stories

CTRL_C, CTRL_D = "\x03", "\x04"
PASTES_ON, PASTES_OFF = "\x1b[?2004h", "\x1b[?2004l"


def pasted(text):
    """What a terminal sends for a paste."""
    return f"\x1b[200~{text}\x1b[201~".replace("\n", "\r")


class Terminal:
    """The binary on a pseudo-terminal of 100 columns."""

    def __init__(self, home, *flags, command=None, **env):
        environment = clean_environment(home, **{"TERM": "xterm", **env})
        command = command or [BINARY, "run", stories(), *flags]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, environment)
        self.seen = self.raw = ""

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
        self.raw += chunk.decode(errors="replace")
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

    def reads_lines(self):
        """Whether the terminal is as programs find it, not as the editor of lines has it."""
        return bool(termios.tcgetattr(self.fd)[3] & termios.ICANON)

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

    def say(self, chat, text):
        """A message to a chat of two tokens an answer; a paste may show the prompt once more."""
        chat.ask(text, until="note: cut after 2 tokens")
        chat.wait_for(">>> ")

    def users_messages(self, chat):
        saved = self.home / "messages.json"
        chat.ask(f"/save {saved}")
        return [m["content"] for m in json.loads(saved.read_text())["messages"] if m["role"] == "user"]

    def test_a_paste_is_one_message(self):
        state = {"XDG_STATE_HOME": str(self.home / "state")}
        chat = self.start("-n", "2", **state)
        self.say(chat, pasted("first\n\tsecond\\\n\ndéjà vu\n"))  # the line break at its end is not the message's
        self.say(chat, "Say " + pasted("a\nb") + " twice")
        self.say(chat, pasted("// no\n// command"))
        chat.ask(pasted("/system Be\nbrief."), until="brief.\n>>> ")
        self.say(chat, pasted('"""x\ny"""'))
        self.say(chat, pasted("one line"))
        chat.type(pasted("\n".join(f"line {i} of many" for i in range(200))))
        chat.wait_for("line 199 of many")
        chat.type(CTRL_C)
        chat.wait_for(">>> ")
        chat.type("\x1b[200~an end that never comes" + CTRL_C)
        chat.wait_for(">>> ")
        self.assertEqual(self.users_messages(chat),
                         ["first\n\tsecond\\\n\ndéjà vu", "Say a\nb twice", "// no\n// command", "x\ny", "one line"])
        self.assertIn("Be\nbrief.", chat.ask("/system"))
        chat.type(CTRL_D)
        self.assertEqual(chat.exit_code(), 0)
        chat = self.start("-n", "2", **state)
        chat.type("\x1b[A" * 5)  # /system, /save, one line, the fenced lines, "/system Be ..."
        chat.ask("", until="brief.\n>>> ")
        self.assertIn("Be\nbrief.", chat.ask("/system"))
        chat.type(CTRL_D)
        self.assertEqual(chat.exit_code(), 0)

    def test_the_terminal_marks_pastes_only_while_a_line_is_edited(self):
        chat = self.start("-n", "2")
        self.assertTrue(chat.raw.endswith(">>> ") and chat.raw.rindex(PASTES_ON) > chat.raw.find(PASTES_OFF), chat.raw)
        chat.ask("Hello")
        self.assertEqual((chat.raw.count(PASTES_ON), chat.raw.count(PASTES_OFF)), (2, 1))
        self.assertLess(chat.raw.index(PASTES_OFF), chat.raw.index("note: cut after 2 tokens"))
        chat.type(CTRL_D)
        self.assertEqual(chat.exit_code(), 0)
        self.assertEqual(chat.raw.count(PASTES_ON), chat.raw.count(PASTES_OFF))
        dumb = self.start(TERM="dumb")
        dumb.type(CTRL_D)
        self.assertEqual(dumb.exit_code(), 0)
        self.assertNotIn(PASTES_ON, dumb.raw)

    def test_signals_find_the_terminal_as_it_was(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            chat = self.start()
            self.assertFalse(chat.reads_lines())
            os.kill(chat.pid, number)
            while chat.read(10):
                pass
            self.assertTrue(chat.reads_lines())
            self.assertTrue(chat.raw.endswith(PASTES_OFF), chat.raw)
            self.assertEqual(chat.exit_code(), -number)

    def test_a_stopped_chat_gives_the_terminal_back_and_goes_on(self):
        # A shell with job control: it goes on once the chat is stopped, looks at the terminal, and continues the chat.
        script = f"{BINARY} run {stories()} -n 2; stty -a; fg"
        chat = Terminal(self.home, command=["/bin/sh", "-mc", script])
        chat.wait_for(">>> ")
        with open(f"/proc/{chat.pid}/task/{chat.pid}/children") as file:
            os.kill(int(file.read()), signal.SIGTSTP)
        self.assertIn(" icanon", chat.wait_for("extproc"))
        self.assertIn(PASTES_OFF, chat.raw)
        while chat.raw.rindex(PASTES_ON) < chat.raw.rindex(PASTES_OFF):
            self.assertTrue(chat.read(60))
        self.assertFalse(chat.reads_lines())
        chat.type("half a li" + CTRL_C)
        chat.wait_for(">>> ")
        self.say(chat, pasted("a\nb"))
        self.assertEqual(self.users_messages(chat), ["a\nb"])
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

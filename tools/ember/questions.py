"""Questions and answers about Hearth: every command, option, chat command, exit code, route and word, in many phrasings.

An answer about an option is made of what docs/options.md says of it, always in the same order, so that nothing in it can be untrue
of the product and what is to be learned is which option a question means.
"""
import hashlib
import itertools
import re
from dataclasses import dataclass

import facts
from shape import HERE

ASKING_GOAL = [
    "How do I {}?", "How can I {}?", "how to {}", "I want to {}.", "I would like to {}.", "Which option do I need to {}?",
    "What do I type to {}?", "Is there a way to {}?", "Tell me how to {}.", "{}", "Please help me {}.", "What is the flag to {}?",
    "Can Hearth {}?", "I need to {}. How?", "With which command can I {}?", "Show me how to {}.", "How does one {}?",
    "What should I do to {}?", "Can I {}?", "help me {}", "Hi, how do I {}?", "I'm trying to {}.", "Explain how to {}.",
    "Is it possible to {}?", "What's the easiest way to {}?", "Could you tell me how to {}?", "How would I {}?", "{}, please",
    "Which switch do I need to {}?", "I have to {}. What do I do?", "I don't know how to {}.", "What lets me {}?", "need to {}",
    "Do you know how to {}?", "What must I add to {}?", "My goal is to {}.", "Somebody asked me to {}.", "How can I get Hearth to {}?",
    "Any way to {}?", "Trying to {}, which flag?", "What setting would {}?", "best way to {}", "What do I pass to {}?", "I'd like Hearth to {}.",
    "Which command line option will {}?", "What's the option to {}?", "Is there something to {}?", "I wish to {}, how?", "Can it {}?"]
ASKING_NOUN = [
    "How do I set {}?", "How do I change {}?", "Where is {} set?", "Which option is about {}?", "What is the option for {}?",
    "Tell me about {}.", "{}?", "What about {}?", "how to change {}", "I have a question about {}.", "Which flag is for {}?",
    "What can I do about {}?", "How is {} chosen?", "{}", "Where do I find {}?", "Is there an option for {}?", "I need {}.",
    "Does Hearth have {}?", "What controls {}?", "Help me with {}.", "Which setting is {}?", "How can I get {}?", "How do I control {}?",
    "I am looking for {}.", "{} option", "What determines {}?", "How do I see or set {}?", "Is {} supported?"]
ASKING_SYMPTOM = [
    "{}", "{}.", "{}. What can I do?", "{}. How do I fix that?", "What can I do when {}?", "What helps when {}?", "My problem: {}.",
    "{}, what now?", "Which option helps when {}?", "Help, {}!", "{}. Is there an option for that?", "What should I change when {}?",
    "It seems that {}.", "Hi, {}. What should I do?", "Why is it that {}?", "I noticed that {}.", "{}, can Hearth help?", "{}. Any flag for this?"]
ASKING_BOTH = [
    "{when}. How do I {do}?", "{when}, I want to {do}.", "I want to {do} because {when}.", "{when}. Can I {do}?", "How do I {do}? {when}.",
    "{when}, so how can I {do}?", "{when}. Is there a way to {do}?", "I need to {do}: {when}."]
FRAMES = {"do": ASKING_GOAL, "name": ASKING_NOUN, "when": ASKING_SYMPTOM, "ask": ["{}"]}
WITHIN = {"run": ["with hearth run", "in run", "when I run a model"], "serve": ["with hearth serve", "in serve", "when serving", "for the server"],
          "bench": ["with hearth bench", "in bench", "in a benchmark"], "top": ["with hearth top", "in top"],
          "show": ["with hearth show", "in show"], "tokenize": ["with hearth tokenize", "when tokenizing"],
          "render": ["with hearth render", "in render"], "eval perplexity": ["with hearth eval perplexity", "when measuring perplexity"],
          "eval divergence": ["with hearth eval divergence", "when measuring divergence"],
          "eval logits": ["with hearth eval logits", "when writing logits"], "help": ["with hearth help"]}
ASKING_FLAG = ["What does {} do?", "What is {}?", "Explain {}.", "{}", "what does {} mean", "Tell me about {}.", "What is {} for?",
               "How do I use {}?", "When do I need {}?"]
UNSEEN = ("unseen", "final")  # files of whole questions that are only scored
PHRASINGS_HELD_OUT = 0.03  # of all that stand in phrases.txt


@dataclass
class Pair:
    question: str
    answer: str
    kind: str                       # what is asked: "do", "flag", "default", ...
    expected: str = ""              # the command with its option that a right answer names
    phrasing: str = ""              # what the question says in a frame, where it is held out: never trained on
    weight: float = 1.0             # how often it is asked beside others of the same answer: a phrasing counts one, however many frames it fits


def bare(question):
    """The words alone: no capitals, no marks."""
    return " ".join(re.findall(r"[\w/<>-]+", question.lower()))


def chance(text):
    """A number from 0 to 1 that the bare words decide."""
    return int.from_bytes(hashlib.sha256(bare(text).encode()).digest()[:4]) / 2**32


def sentence(text):
    return text if text.endswith((".", "?", "!")) else text + "."


def explained(option):
    """What the options table says, as sentences."""
    words = [f"`{option.place}`: {sentence(option.meaning)}"]
    if option.takes == "on or off":
        words.append(f"It is a switch: `--{option.name}` or `--no-{option.name}`." if option.variable else "It is a switch.")
    elif option.takes:
        words.append(f"It takes {option.takes}.")
    if option.default:
        words.append(f"The default is {option.default}.")
    return " ".join(words)


def framed(asked, answer, expected, end="", also=None, kind=""):
    """Every phrasing of an entry, and those of also, in every frame of its kind; and its complaints, each with some of its goals."""
    for phrasings, held_out in ((also or {}, False), (asked.trained, False), (asked.held_out, True)):
        for how, of_kind in phrasings.items():
            if how == "ask" and end:  # a whole question takes no place at its end
                continue
            for phrasing, frame in itertools.product(of_kind, FRAMES[how]):
                yield Pair(frame.format(phrasing + end), answer, kind or how, expected, phrasing if held_out else "", 1 / len(FRAMES[how]))
    goals = asked.trained.get("do", [])
    for i, complaint in enumerate(asked.trained.get("when", [])):
        for j, frame in enumerate(ASKING_BOTH if goals else []):
            yield Pair(frame.format(when=complaint, do=goals[(7 * i + j) % len(goals)] + end), answer, kind or "when", expected,
                       weight=0.5 / len(ASKING_BOTH))


class Questions:
    def __init__(self):
        self.commands, self.codes = facts.read_commands()
        self.phrases = facts.read_phrases()
        self.chat = facts.read_chat_commands()
        self.options = {}           # name: [Option of the first command that has it, ...]
        for command in self.commands:
            for option in command.options:
                self.options.setdefault(option.name, []).append(option)
        self.check_phrases()
        self.hold_out()

    def check_phrases(self):
        """A line of phrases.txt that names nothing is a mistake: the option was renamed or is gone."""
        known = {**{o: 1 for o in self.options}, **{f"{o.command} {o.name}": 1 for l in self.options.values() for o in l}}
        unknown = [n for n in self.phrases["options"] if n not in known]
        unknown += [n for n in self.phrases["commands"] if n not in {c.name for c in self.commands}]
        unknown += [n for n in self.phrases["chat"] if n not in self.chat]
        if unknown:
            raise SystemExit(f"phrases.txt names what does not exist: {', '.join(unknown)}")
        meant = {}
        for section, entries in self.phrases.items():
            for name, asked in entries.items():
                for phrasing in itertools.chain.from_iterable(asked.trained.values()):
                    meant.setdefault(bare(phrasing), set()).add(f"[{section}] {name}")
        if double := [f"{p} ({', '.join(sorted(n))})" for p, n in meant.items() if len(n) > 1]:
            raise SystemExit(f"phrases.txt means two things by the same words: {'; '.join(double)}")

    def hold_out(self):
        """Takes phrasings out of training, which ones their words alone decide; not one that stands within another that is trained."""
        entries = [asked for section in self.phrases.values() for asked in section.values()]
        drawn = {bare(p) for asked in entries for of_kind in asked.trained.values() for p in of_kind if chance(p) < PHRASINGS_HELD_OUT}
        trained = "|".join(f" {bare(p)} " for asked in entries for of_kind in asked.trained.values() for p in of_kind if bare(p) not in drawn)
        self.apart = {p for p in drawn if f" {p} " not in trained}
        self.whole_apart = {bare(question) for name in UNSEEN for question, _ in self.unseen(name)}  # short ones may stand within others
        for asked in entries:
            for how, of_kind in asked.trained.items():
                asked.held_out[how] = [p for p in of_kind if bare(p) in self.apart]
                asked.trained[how] = [p for p in of_kind if bare(p) not in self.apart]

    def special(self, name, options):
        """The commands in which this option has phrasings of its own."""
        return {o.command for o in options if f"{o.command} {name}" in self.phrases["options"]}

    def unseen(self, of_set):
        """[(question, the places of which a right answer names one)]: whole questions by somebody who knew no phrasing."""
        places = {"options": {}, "commands": {c.name: [f"hearth {c.name}"] for c in self.commands}, "chat": {n: [n] for n in self.chat}}
        for name, options in self.options.items():
            special = self.special(name, options)
            places["options"][name] = [o.place for o in options if o.command not in special]
            places["options"].update({f"{o.command} {name}": [o.place] for o in options if o.command in special})
        for line in (HERE / f"{of_set}.txt").read_text().splitlines():
            if line and not line.startswith("#"):
                entry, question = line.split("\t")
                section, name = re.fullmatch(r"\[(\w+)\] (.+)", entry).groups()
                yield question, places[section][name]

    def asked(self, option):
        lines = self.phrases["options"]
        found = lines.get(f"{option.command} {option.name}") or lines.get(option.name)
        return found or facts.Asked()

    def all(self):
        for name, options in self.options.items():
            yield from self.of_option(name, options)
        for command in self.commands:
            if command.name:
                yield from self.of_command(command)
        yield from self.of_chat()
        yield from self.of_codes()
        yield from self.of_words()

    def of_option(self, name, options):
        special = self.special(name, options)
        first = next((o for o in options if o.command not in special), None)
        for option in options:
            asked = self.asked(option)
            own = option.command in special
            for place in WITHIN.get(option.command, []) if not own and len(options) > 1 else [""]:
                yield from self.goals(asked, option, place)
            yield from self.flags(option, alone=False)
        if first and len(options) > 1:
            yield from self.goals(self.asked(first), first, "", elsewhere=[o for o in options if o is not first and o.command not in special])
        if first:
            yield from self.flags(first, alone=True)

    def goals(self, asked, option, place, elsewhere=()):
        answer = "Use " + explained(option)
        if elsewhere := [f"`hearth {o.command}`" for o in elsewhere if o.command]:
            answer += f" Also in {', '.join(elsewhere)}."
        words = option.name.replace("-", " ")
        also = {"do": [option.meaning.split(";")[0]], "name": [words, f"the option {words}"]}
        yield from framed(asked, answer, option.place, f" {place}" if place else "", also=also, kind="within" if place else "")

    def flags(self, option, alone):
        names = [f"--{option.name}", f"`--{option.name}`"] + ([option.short] if option.short else [])
        within = "" if alone or not option.command else f" of hearth {option.command}"
        within_short = "" if alone or not option.command else f" in {option.command}"
        for name in names:
            for frame in ASKING_FLAG:
                for end in dict.fromkeys((within, within_short)):
                    yield Pair(frame.format(name + end), explained(option), "flag", option.place)
        if not alone:
            return
        name = f"--{option.name}"
        default = f"The default of `{name}` is {option.default}." if option.default else f"`{name}` has no default."
        for frame in ("What is the default of {}?", "default of {}", "What is {} if I don't set it?", "Which default has {}?"):
            yield Pair(frame.format(name), default, "default")
        if option.takes:
            for frame in ("What values does {} take?", "What can {} be?", "values of {}", "What may I give to {}?"):
                yield Pair(frame.format(name), f"`{name}` takes {option.takes}.", "takes")
        variable = (f"The variable of `{name}` is `{option.variable}`, its config key `{option.key}`." if option.variable
                    else f"`{name}` is a flag only: it has no variable and no config key.")
        for frame in ("Which environment variable sets {}?", "Which variable is {}?", "What is the config key of {}?",
                      "How do I set {} in the config file?", "How do I set {} for ever?"):
            yield Pair(frame.format(name), variable, "variable")

    def of_command(self, command):
        answer = f"Use `hearth {command.usage}`: {sentence(command.summary)}"
        asked = self.phrases["commands"].get(command.name, facts.Asked())
        expected = f"hearth {command.name}"
        yield from framed(asked, answer, expected, also={"do": [command.summary.split(";")[0]]}, kind="command")
        for name in (f"hearth {command.name}", f"`hearth {command.name}`", f"the command {command.name}"):
            for frame in ASKING_FLAG:
                yield Pair(frame.format(name), f"`hearth {command.usage}`: {sentence(command.summary)}", "command", expected)
        listed = f"`hearth help {command.name}` lists the options of `hearth {command.name}`."
        for frame in ("Which options does hearth {} have?", "What are the options of {}?", "List the flags of hearth {}.", "hearth {} options"):
            yield Pair(frame.format(command.name), listed, "listed", f"hearth help {command.name}")

    def of_chat(self):
        for name, (arguments, meaning) in self.chat.items():
            usage = f"{name} {arguments}".strip()
            answer = f"In a chat, type `{usage}`: {sentence(meaning)}"
            yield from framed(self.phrases["chat"].get(name, facts.Asked()), answer, name, kind="chat")
            for frame in ASKING_FLAG:
                yield Pair(frame.format(name), answer, "chat", name)

    def of_codes(self):
        for code, meaning in self.codes.items():
            for frame in ("What does exit code {} mean?", "exit code {}", "Hearth ended with {}. Why?", "Why is the exit status {}?",
                          "What is exit code {}?", "The exit status is {}.", "hearth exited with code {}"):
                yield Pair(frame.format(code), f"Exit code {code}: {sentence(meaning)}", "code", f"Exit code {code}")

    def of_words(self):
        for word, meaning in facts.read_words().items():
            for frame in ("What is a {} in Hearth?", "What does {} mean in Hearth?", "Explain the word {}.", "In Hearth, what is a {}?",
                          "define {}", "What is meant by {}?"):
                yield Pair(frame.format(word), sentence(f"In Hearth, {word} means: {meaning}"), "word")
        for route, what in facts.read_routes().items():
            for frame in ("What does {} do?", "What is the route {}?", "{}", "Explain the route {}."):
                yield Pair(frame.format(route), f"`{route}` of `hearth serve`: {sentence(what)}", "route")

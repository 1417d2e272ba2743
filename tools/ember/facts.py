"""What there is to know about Hearth, read from its own documents: commands, options, exit codes, chat commands, words."""
import re
from dataclasses import dataclass, field

from shape import HERE, ROOT


@dataclass
class Option:
    name: str
    short: str
    variable: str
    key: str
    takes: str
    default: str
    meaning: str
    command: str  # "" for options of every command

    @property
    def place(self):
        return f"hearth {self.command} --{self.name}" if self.command else f"--{self.name}"


@dataclass
class Command:
    name: str
    usage: str
    summary: str
    options: list = field(default_factory=list)


@dataclass
class Asked:
    """Phrasings of one entry of phrases.txt by their kind, "do", "name", "when" or "ask": those to train on, and those held out."""
    trained: dict = field(default_factory=dict)
    held_out: dict = field(default_factory=dict)


def cells(line):
    return [c.replace("\0", "|").strip() for c in line.strip().strip("|").replace("\\|", "\0").split("|")]


def plain(text):
    return text.replace("`", "").strip()


def read_commands(path=ROOT / "docs" / "options.md"):
    """The commands in order, each with its options; the last, named "", holds the options of every command."""
    commands, codes, current = [], {}, None
    for line in path.read_text().splitlines():
        if line.startswith("## "):
            current = Command("" if line == "## Every command" else line[3:], "", "")
            commands.append(current)
        elif usage := re.match(r"`hearth (.+?)`: (.+)", line):
            current.usage, current.summary = usage.groups()
        elif code := re.match(r"\| (\d+) \| (.+) \|", line):
            codes[int(code[1])] = code[2]
        elif current and line.startswith("| `--"):
            flags, variable, key, takes, default, meaning = cells(line)
            names = re.findall(r"`(-+[\w-]+)`", flags)
            current.options.append(Option(names[0][2:], names[1] if len(names) > 1 else "", plain(variable), plain(key),
                                          takes, default, meaning.replace("`", ""), current.name))
    return commands, codes


def read_chat_commands(path=ROOT / "src" / "apps" / "chat" / "commands.cpp"):
    """{"/save": ("FILE", "write the conversation to a file")}, of the list in the source."""
    found = re.findall(r'\{"(/\w+)", "([^"]*)", "((?:[^"\\]|\\.)+)", &', path.read_text())
    return {name: (arguments, help.replace('\\"', '"')) for name, arguments, help in found}


def read_words(path=ROOT / "docs" / "glossary.md"):
    """{"page": "a fixed number of tokens of KV memory"}"""
    words = {}
    for line in path.read_text().splitlines():
        if line.startswith("| **"):
            word, meaning = cells(line)[:2]
            for name in re.findall(r"\*\*(.+?)\*\*", word):
                words[name] = plain(re.sub(r"\s*\([^()]*`[^()]*\)", "", meaning))
    return words


def read_routes(path=ROOT / "docs" / "serving.md"):
    routes = {}
    for line in path.read_text().splitlines():
        if re.match(r"\| `(GET|POST) ", line):
            route, _, what = cells(line)
            routes[plain(route.split(",")[0])] = plain(what)
    return routes


def read_phrases(path=HERE / "phrases.txt"):
    """{section: {name: Asked}}"""
    sections, section, asked = {}, None, None
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif not line.startswith(" "):
            asked = section[line] = Asked()
        else:
            kind, phrases = line.split(None, 1)
            asked.trained.setdefault(kind, []).extend(p.strip() for p in phrases.split(";") if p.strip())
    return sections

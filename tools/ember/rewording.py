"""A question as people type it: other words for the same, capitals and marks forgotten, letters out of place."""
import re

GROUPS = [
    "set choose change adjust configure specify define pick select", "limit cap bound restrict", "see view display show inspect", "use apply employ",
    "model LLM", "folder directory", "answer reply response", "answers replies responses", "memory RAM", "cores processors CPUs", "start begin launch",
    "measure determine evaluate", "quantize compress", "delay latency", "conversation dialogue", "protect secure guard", "likeliest best",
    "write save store", "server service", "seconds time", "punish penalize discourage", "smaller shorter lower", "bigger larger", "faster quicker",
    "allow permit accept let", "forget drop erase", "keep store retain", "print output show", "list enumerate show", "many lots", "get obtain receive",
    "turn switch", "key password", "name give", "tell say explain", "read load", "number count amount", "fewer less", "option flag setting switch parameter",
    "length size", "maximum max most", "minimum min least", "stop end halt", "repeated recurring", "unlikely improbable", "text string", "trace recording"]
OTHERS = {}
for group in GROUPS:
    for word in group.split():
        OTHERS.setdefault(word, []).extend(w for w in group.split() if w != word)
FILLERS = {"a", "an", "the", "of", "to", "my", "some", "i", "do", "does", "is", "please", "for", "me"}


def reworded(r, question):
    """The same question with other words, where it names no flag."""
    if "`" in question or "--" in question or "/" in question:
        return question
    share, dropped = r.choice([0, 0, 0.3, 0.6]), r.choice([0, 0, 0, 0.4])
    out = []
    for word in question.split(" "):
        bare = re.sub(r"[^\w]", "", word)
        if bare in OTHERS and r.random() < share:
            word = word.replace(bare, r.choice(OTHERS[bare]))
        elif bare.lower() in FILLERS and len(out) > 1 and r.random() < dropped:
            continue
        out.append(word)
    return " ".join(out)


def typed(r, question):
    if r.random() < 0.3 and "`" not in question and "--" not in question:
        question = question.lower()
    if r.random() < 0.2:
        question = question.rstrip("?.")
    if r.random() < 0.08:
        question = r.choice(["please: ", "hey, ", "Question: ", "ember, ", "quick question: "]) + question
    if r.random() < 0.1 and question[-1] in "?.":
        question = question[:-1] + r.choice([" in Hearth", " in hearth", " with Hearth", ", please"]) + question[-1]
    if r.random() < 0.06 and len(question) > 12:
        i = r.randrange(4, len(question) - 2)
        if question[i:i + 2].isalpha():
            swapped = question[:i] + question[i + 1] + question[i] + question[i + 2:]
            question = r.choice([swapped, question[:i] + question[i + 1:]])
    return question

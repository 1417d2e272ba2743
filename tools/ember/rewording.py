"""A question as people type it: other words for the same, words left out, capitals and marks forgotten, letters out of place."""
import re

# Phrases that may stand for each other in a question, a group a line.
GROUPS = """
set, choose, change, adjust, configure, specify, define, pick, select, modify, alter, determine, tweak
limit, cap, restrict, bound, constrain, put a limit on
see, view, display, show, look at, print, have a look at, check
find out, learn, discover, figure out, get to know, know
use, apply, employ, work with, take, try
turn on, switch on, enable, activate
turn off, switch off, disable, deactivate
keep, store, save, preserve, retain, hold
stop, prevent, keep
stop, end, halt, finish, quit, terminate
start, begin, launch, open, fire up
run, execute, start
model, LLM, language model, network
folder, directory, path
answer, reply, response, output
answers, replies, responses, outputs
memory, RAM, space
cores, processors, CPUs, CPU cores
processor, CPU
computer, machine, PC, box, system
measure, determine, evaluate, test, assess
quantize, compress
delay, latency, lag, pause
conversation, dialogue, chat, discussion
protect, secure, guard, lock
likeliest, most likely, best, most probable
unlikely, improbable, rare
likely, probable
write, save, dump, put
server, service, daemon
clients, callers, users, programs
seconds, time
punish, penalize, discourage, lower
smaller, shorter, lower, tighter
bigger, larger, greater, wider
longer, larger
faster, quicker, speedier
fast, quick
slow, sluggish
allow, permit, accept, let in
let, allow, make
forget, drop, erase, discard, delete, throw away, clear
remove, drop, strip, delete, take out, get rid of
list, enumerate, print all, name
many, lots of, plenty of, several
get, obtain, receive, have, produce
key, secret, password, token
give, pass, provide, supply, hand
tell, say to, inform
say, mention, tell me
explain, describe
read, load, take
number, count, amount, quantity
fewer, less, not so many
option, flag, setting, switch, parameter, argument
length, size
maximum, max, most, upper limit of
minimum, min, least
repeated, recurring, duplicate
text, string, passage
document, file, text
trace, recording
request, query, call
requests, queries, calls
wait, queue, stand in line
waiting, pending, queued
at once, at the same time, simultaneously, in parallel, concurrently, together
disk, drive, SSD, hard disk
cache, buffer
unload, release, free
idle, unused, inactive
create, make, generate, produce
compute, calculate, work out
compare, contrast
watch, monitor, observe, follow
random, arbitrary
avoid, prevent, stop
add, append, include
replace, swap, exchange, override
format, form, type, kind
size, extent
large, big, huge
small, little, tiny
web page, website, site
prompt, input
prompts, inputs
reason, think
message, text
within, inside, during, in
again, once more, another time
a different, another, some other
different, other
only, just, nothing but, solely
last, latest, most recent
recent, last
often, frequently
too long, very long, overlong
long, lengthy
connect to, reach, talk to, access
connect, get in
reach, access, connect to
terminal, console, shell, command line
details, information
whole, entire, complete, full
every, each
all, all the
shorten, cut, reduce, trim
reduce, lower, decrease, shrink, cut
raise, increase, enlarge, extend
increase, raise, enlarge
force, insist on, demand
serve, host, offer, provide
send, pass, submit, ship
ask, query, question
quality, accuracy
examine, inspect, look into, analyse
inspect, examine, look into, look at
next start, next launch, next time
start again, restart
refuse, reject, turn away
refused, rejected, turned away, denied
problem, trouble, issue
wrong, broken, faulty
need, require, want
speed, pace, performance
wish, want
figures, numbers, statistics
numbers, figures, values
leave out, omit, skip
skip, omit, leave out
share, fraction, part
"""
OTHERS = {}
for line in GROUPS.strip().splitlines():
    group = line.split(", ")
    for phrase in group:
        OTHERS.setdefault(phrase, []).extend(p for p in group if p != phrase)
# Longer phrases first; not what names a command ("in show", "hearth run"), a flag, or a part of a word.
KNOWN = re.compile(r"(?<!hearth )(?<!eval )(?<!\bin )(?<![\w/.-])(" + "|".join(sorted(map(re.escape, OTHERS), key=len, reverse=True)) + r")(?![\w.-]\w|\w)")
FILLERS = {"a", "an", "the", "of", "to", "my", "some", "i", "do", "does", "is", "please", "for", "me", "it", "that", "so", "with", "be", "are"}
OPENINGS = ["please: ", "hey, ", "Question: ", "ember, ", "quick question: ", "Hello, ", "One more thing: ", "Sorry, ", "ok, ", "I am new here. ", "Next: ",
            "Dear Ember, ", "I use Linux. ", "I have a small server at home. ", "Maybe you know this: "]
ENDINGS = [" in Hearth", " in hearth", " with Hearth", ", please", " on my machine", " here", " today", " with this program"]


def reworded(r, question):
    """The same question with other words, where it names no flag."""
    if "`" in question or "--" in question or "/" in question:
        return question
    share, dropped = r.choice([0, 0, 0.25, 0.5, 0.7]), r.choice([0, 0, 0, 0.4, 0.9])
    question = KNOWN.sub(lambda m: r.choice(OTHERS[m[1]]) if r.random() < share else m[1], question)
    words = question.split(" ")
    return " ".join(w for i, w in enumerate(words) if i < 1 or w.lower() not in FILLERS or r.random() >= dropped)


def thinned(r, question):
    """Now and then without some of its words: no single one must be needed, as in what is typed into a search field."""
    words = question.split(" ")
    if r.random() < 0.6 or len(words) < 4 or "`" in question or "--" in question or "/" in question:
        return question
    share = r.uniform(0.1, 0.5)
    return " ".join(w for w in words if r.random() >= share) or question


def spliced(r, question, other):
    """Parts of two questions about the same, after each other: each part must tell by itself what is meant."""
    return r.choice([" ", ", ", ". "]).join(part(r, q) for q in (question, other))


def part(r, question):
    """Some words of a question that follow each other; a short one as it is."""
    words = question.split(" ")
    if len(words) < 6:
        return question
    count = r.randrange(3, max(4, len(words) * 2 // 3))
    first = r.randrange(len(words) - count + 1)
    return " ".join(words[first:first + count])


def typed(r, question):
    flagged = "`" in question or "--" in question
    if r.random() < 0.3 and not flagged:
        question = question.lower()
    if r.random() < 0.25:
        question = question.rstrip("?.")
    if r.random() < 0.1:
        question = r.choice(OPENINGS) + question
    if r.random() < 0.12 and question[-1] in "?.":
        question = question[:-1] + r.choice(ENDINGS) + question[-1]
    if r.random() < 0.1 and len(question) > 12 and not flagged:
        question = mistyped(r, question)
    return question


def mistyped(r, question):
    """Two letters swapped, one forgotten, or one doubled."""
    i = r.randrange(4, len(question) - 2)
    if not question[i:i + 2].isalpha():
        return question
    return r.choice([question[:i] + question[i + 1] + question[i] + question[i + 2:], question[:i] + question[i + 1:],
                     question[:i] + question[i] + question[i:]])


def broken(r, question):
    """The question in parts, here and there parts of a word, each of which becomes tokens by itself: a word is then known by its parts
    too, and by them resembles others."""
    if r.random() < 0.4:
        return [question]
    cuts = [i for i in range(1, len(question)) if question[i - 1:i + 1].isalpha() and r.random() < 0.03]
    return [question[i:j] for i, j in zip([0, *cuts], [*cuts, len(question)])]

"""What Ember can do beside Hearth's commands: greet, say what it is, count and sort a little, small JSON, repeat, and decline."""
import json

SELF = "I am Ember, a small built-in helper of Hearth."
WHAT = SELF + " I know Hearth's commands and options and can tell simple stories."
GREETINGS = ["Hello", "Hi", "Hello!", "hi", "Hey", "Good morning", "Good evening.", "hello there", "Hi Ember!", "Hello, who is there?", "hey", "Greetings"]
WHO = ["Who are you?", "What are you?", "who are you", "Are you a big model?", "Which model are you?", "What is your name?", "Tell me about yourself.",
       "Are you ChatGPT?", "Are you human?", "What is Ember?", "Who made you?", "are you an AI", "How big are you?", "Introduce yourself.", "what model is this"]
CAN = ["What can you do?", "What do you know?", "How can you help me?", "what can I ask you", "What are you good at?", "Help", "help me", "What can I do here?",
       "Can you help me?", "What should I ask you?"]
THANKS = ["Thanks!", "Thank you.", "thanks", "Great, thank you!", "That helped.", "ok thanks", "Perfect."]
BYE = ["Bye", "Goodbye!", "See you.", "bye bye", "I have to go."]
WHAT_HEARTH = ["What is Hearth?", "what is hearth", "What does Hearth do?", "Tell me about Hearth.", "Explain Hearth.", "What is this program?"]
HEARTH = ("Hearth is one engine and one binary that runs open-weights language models on the machine you have: GGUF files and "
          "Hugging Face folders. `hearth help` lists its commands.")
MODELS = ["How do I use a bigger model?", "Can I use another model?", "How do I run a better model?", "I want a smarter model.", "Which models can Hearth run?",
          "How do I use my own model?", "Where do I put my GGUF file?", "how to use a real model", "You are too small. How do I get a bigger model?"]
BIGGER = ("Give its path: `hearth run MODEL`. MODEL is a GGUF file, a `.safetensors` file or a Hugging Face folder.")
INSIDE = ["How do I start you?", "Where are you stored?", "Do you need the internet?", "Where do you come from?", "How do I start Ember?", "how do I run hearth without a model",
          "Can I use Hearth without a model?", "Do I need to download you?", "Are you in the binary?", "What happens when I give no model?", "How do I talk to Ember?"]
WITHIN = "I am inside the program, without network or download: `hearth run` without a MODEL asks me, and `/help me QUESTION` does so in a chat."
UNKNOWN_TOPICS = [
    "What is the weather today?", "What is the capital of {p}?", "Who is the president of {p}?", "What happened in {y}?", "Who won the match?",
    "What time is it?", "Translate this into {l}.", "Write a program in {c}.", "How do I cook {f}?", "What is the population of {p}?",
    "Explain quantum physics.", "Who wrote {b}?", "What is the meaning of life?", "How tall is {m}?", "What is the price of {f}?",
    "Solve this equation.", "Is it going to rain?", "What is in the news?", "Write an essay about {p}.", "What should I do about my headache?",
    "Can you see this picture?", "Search the internet for {f}.", "How many people live in {p}?", "When was {p} founded?", "What is {c}?",
    "How far is the moon?", "Who invented the telephone?", "Give me legal advice.", "What is the best phone?", "Which film should I see?",
    "How do I fix my car?", "What is the tallest mountain?", "Who discovered {p}?", "Book a flight to {p}.", "Recommend a restaurant in {p}."]
FILL = {"p": ["France", "Japan", "Brazil", "Berlin", "Kenya", "London", "Canada", "Norway", "Rome", "India", "Peru", "Texas"], "y": ["1815", "1969", "2020", "1492"],
        "l": ["French", "German", "Spanish", "Latin"], "c": ["Python", "C++", "Java", "Rust"], "f": ["rice", "pasta", "an omelette", "coffee", "shoes"],
        "b": ["Hamlet", "Faust", "the Odyssey"], "m": ["the Eiffel tower", "Everest", "a giraffe"]}
DECLINE = "I cannot know that. " + SELF + " For such questions run a bigger model: `hearth run MODEL`."
NO_OPTION = ["gpu-layers", "ngl", "lora", "flash-attn", "mlock", "numa", "rope-scale", "grammar", "color", "speed", "batch-threads", "embedding", "draft", "verbose",
             "fast", "cuda", "vulkan", "metal", "tokens", "model", "n-predict", "ctx", "device", "beam", "voice", "image", "retry", "ssl", "proxy", "daemon"]
WORDS = ["apple", "pear", "plum", "cherry", "lemon", "fig", "nut", "bread", "cat", "dog", "fox", "owl", "bear", "red", "blue", "green", "yellow",
         "chair", "table", "lamp", "door", "river", "hill", "stone", "moon", "star", "sun"]
NUMBERS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
           "nineteen twenty").split()


def topic(r):
    text = r.choice(UNKNOWN_TOPICS)
    for key, values in FILL.items():
        text = text.replace("{" + key + "}", r.choice(values))
    return text


def arithmetic(r):
    a, b = r.randrange(11), r.randrange(11)
    if r.random() < 0.5:
        a, b = max(a, b), min(a, b)
        q = r.choice(["What is {} minus {}?", "{} minus {}", "Take {} minus {}."]).format(NUMBERS[a], NUMBERS[b])
        return q, f"{NUMBERS[a]} minus {NUMBERS[b]} is {NUMBERS[a - b]}.".capitalize()
    q = r.choice(["What is {} plus {}?", "{} plus {}", "Add {} and {}.", "How much is {} plus {}?"]).format(NUMBERS[a], NUMBERS[b])
    return q, f"{NUMBERS[a]} plus {NUMBERS[b]} is {NUMBERS[a + b]}.".capitalize()


def sorting(r):
    words = r.sample(WORDS, r.choice([3, 3, 4]))
    q = r.choice(["Sort these words: {}.", "Put in order: {}.", "sort {}", "Sort alphabetically: {}."]).format(", ".join(words))
    return q, ", ".join(sorted(words)) + "."


def small_json(r):
    pairs = {r.choice(["name", "animal", "colour"]): r.choice(WORDS), r.choice(["count", "age", "size"]): r.randrange(1, 100)}
    (k1, v1), (k2, v2) = pairs.items()
    q = r.choice(["Write JSON with {} {} and {} {}.", "Give me a JSON object: {} {}, {} {}.", "JSON: {} is {}, {} is {}."]).format(k1, v1, k2, v2)
    return q, json.dumps(pairs)


def repeating(r):
    said = r.choice([" ".join(r.sample(WORDS, r.choice([1, 2, 3]))), str(r.randrange(10 ** r.choice([1, 2, 3, 4, 5]))),
                     "".join(r.choice("bdfgklmnprstvz") + r.choice("aeiou") for _ in range(r.choice([2, 3]))),
                     f"{r.choice(WORDS)} {r.randrange(100)}"])
    q = r.choice(["Repeat: {}", "Repeat {}.", "Say {}.", "say {}", "Repeat after me: {}", "Write {}.", "Answer with {} and nothing else.", "Echo {}"])
    return q.format(said), said


SIMPLE = [(GREETINGS, "Hello! " + WHAT), (WHO, WHAT), (CAN, WHAT + " Ask me: how do I change the port?"), (THANKS, "You are welcome."),
          (BYE, "Goodbye! In a chat, `/exit` leaves."), (WHAT_HEARTH, HEARTH), (MODELS, BIGGER),
          (INSIDE, WITHIN)]


def turn(r):
    """(question, answer) of one of the skills."""
    kind = r.choices(["simple", "decline", "option", "arithmetic", "sorting", "json", "repeating"], [6, 5, 1.5, 2, 1.5, 1.5, 2.5])[0]
    if kind == "simple":
        questions, answer = r.choice(SIMPLE)
        return r.choice(questions), answer
    if kind == "decline":
        return topic(r), DECLINE
    if kind == "option":
        name = "--" + r.choice(NO_OPTION)
        q = r.choice(["What does {} do?", "What is {}?", "Explain {}.", "{}", "How do I use {}?"]).format(name)
        return q, f"I know no option `{name}`. `hearth help COMMAND` lists them."
    return {"arithmetic": arithmetic, "sorting": sorting, "json": small_json, "repeating": repeating}[kind](r)

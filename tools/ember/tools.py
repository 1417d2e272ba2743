"""Conversations in which Ember calls a tool: what is offered, what is asked, the call that fits, and what comes of it.

A family is one thing that tools do, under several names with several names of parameters. What a call is given stands in the question
word by word, often a word that is none, so that copying is learned and not the values. UNSEEN are families of scoring alone.
"""
from skills import WORDS

CITIES = ["Paris", "Rome", "Oslo", "Berlin", "Madrid", "London", "Vienna", "Lima", "Cairo", "Tokyo", "Dublin", "Prague", "Athens", "Lisbon", "Delhi",
          "Boston", "Geneva", "Hamburg", "Kyoto", "Lagos", "Quito", "Seoul", "Turin", "Zagreb", "Bergen", "New York", "San Diego", "Cape Town"]
PEOPLE = ["Anna", "Ben", "Clara", "Tom", "Mia", "Leo", "Nora", "Sam", "Ella", "Max", "Ida", "Paul", "Rosa", "Finn", "Lily", "Oscar", "Dr. Hill", "my mother",
          "the office", "Mr. Stone", "Aunt May"]
ITEMS = ["milk", "bread", "paper", "apples", "tea", "soap", "rice", "candles", "nails", "honey", "green paint", "light bulbs", "red wine", "eggs", "salt",
         "two-sided tape", "batteries", "socks", "garden chairs", "blue ink"]
ROOMS = ["kitchen", "cellar", "bathroom", "attic", "garage", "bedroom", "hall", "office", "garden", "library"]
LANGUAGES = ["French", "German", "Spanish", "Latin", "Greek", "Polish", "Dutch", "Finnish"]
CURRENCIES = ["euros", "dollars", "yen", "francs", "pounds", "kroner"]
ENDINGS = [".txt", ".csv", ".log", ".md", ".png"]
SYLLABLES = ("ba be bo da de du fa fi go ga ha ke ki ko la le lo lu ma me mi mo na ne no pa pe po ra re ri ro sa se si so ta te ti to va ve vi wa wi zo "
             "lan ber ton min dor gal ves tur bel nor").split()
RESULTS = ["done", "ok", "sunny", "rain", "cold and windy", "snow", "noon", "half past three", "midnight", "nothing found", "not possible", "ready", "yes", "no"]


def made_up(r):
    return "".join(r.choices(SYLLABLES, k=r.choice([2, 2, 3])))


def number(r):
    return r.randrange(10 ** r.choice([1, 2, 2, 3, 4]))


def text(r):
    return " ".join(made_up(r) if r.random() < 0.25 else r.choice(WORDS) for _ in range(r.choice([1, 2, 2, 3])))


def one_of(values, strange):
    """Makes one of the values, or a word that is none."""
    return lambda r: r.choice(values) if r.random() > strange else strange_name(r)


def strange_name(r):
    word = made_up(r)
    return word.capitalize() if r.random() < 0.6 else word


MAKE = {"city": one_of(CITIES, 0.4), "person": one_of(PEOPLE, 0.3), "item": one_of(ITEMS, 0.3), "room": one_of(ROOMS, 0.2), "number": number, "text": text,
        "word": lambda r: r.choice(WORDS) if r.random() < 0.5 else made_up(r), "language": one_of(LANGUAGES, 0.2), "currency": one_of(CURRENCIES, 0.2),
        "clock": lambda r: f"{r.randrange(24)}:{r.randrange(60):02}", "state": lambda r: r.choice(["on", "off"]),
        "name": lambda r: made_up(r) + r.choice(ENDINGS)}

# Names of the tool; what it does; parameters: (names, what is made); questions with the values in the parameters' order.
KNOWN = [
    ("get_weather weather weather_of", ["Tells the weather of a city", "Weather at a place", "The current weather"],
     [("city place location town", "city")],
     ["What is the weather in {0}?", "How is the weather in {0}?", "Is it cold in {0}?", "weather in {0}", "Will it rain in {0}?", "Do I need a coat in {0}?"]),
    ("get_time time_in clock", ["Tells the time of a city", "The local time of a place"], [("city place zone town", "city")],
     ["What time is it in {0}?", "Tell me the time in {0}.", "time in {0}?", "How late is it in {0}?"]),
    ("add sum plus", ["Adds two numbers", "The sum of two numbers"], [("a x first left", "number"), ("b y second right", "number")],
     ["Add {0} and {1}.", "What is {0} plus {1}?", "{0} + {1}", "Sum of {0} and {1}?"]),
    ("multiply times product", ["Multiplies two numbers", "The product of two numbers"], [("a x first left", "number"), ("b y second right", "number")],
     ["Multiply {0} by {1}.", "What is {0} times {1}?", "{0} * {1}", "{0} times {1}"]),
    ("subtract minus difference", ["Subtracts two numbers", "The difference of two numbers"], [("a x from first", "number"), ("b y by second", "number")],
     ["What is {0} minus {1}?", "{0} - {1}", "{0} minus {1}"]),
    ("buy add_item shop", ["Puts an item on the shopping list", "Buys things"], [("item thing product", "item"), ("count number amount", "number")],
     ["Buy {1} {0}.", "Put {1} {0} on my list.", "I need {1} {0}.", "Get me {1} {0}, please."]),
    ("search find lookup web_search", ["Searches for words", "Finds pages"], [("query words q text", "text")],
     ["Search for {0}.", "Find {0}.", "Look up {0}.", "search {0}", "What is there about {0}?"]),
    ("send_message message send", ["Sends a message to somebody", "Writes to a person"], [("to person receiver name", "person"), ("text message body", "text")],
     ["Tell {0}: {1}.", "Send {0} the message {1}.", "Write to {0}: {1}", "Message {0} with {1}."]),
    ("remind set_reminder reminder", ["Reminds you at a time", "Sets a reminder"], [("text what note", "text"), ("time at when", "clock")],
     ["Remind me of {0} at {1}.", "At {1} remind me of {0}.", "Set a reminder for {1}: {0}"]),
    ("set_timer timer start_timer", ["Starts a timer", "Counts minutes down"], [("minutes duration length", "number")],
     ["Set a timer for {0} minutes.", "Wake me in {0} minutes.", "timer {0} minutes", "Count {0} minutes down."]),
    ("switch_light light set_light", ["Switches the light of a room", "Turns a lamp on or off"], [("room place where", "room"), ("state value to", "state")],
     ["Turn the light in the {0} {1}.", "Switch {1} the lamp in the {0}.", "Light {1} in the {0}, please."]),
    ("translate translation", ["Translates a word", "Says a word in another language"], [("word text what", "word"), ("language to into", "language")],
     ["Translate {0} into {1}.", "What is {0} in {1}?", "How do I say {0} in {1}?"]),
    ("convert exchange", ["Converts money", "Changes an amount into a currency"], [("amount value sum", "number"), ("currency to into", "currency")],
     ["Convert {0} to {1}.", "How much is {0} in {1}?", "Change {0} into {1}."]),
    ("read_file open_file cat", ["Reads a file", "Shows what a file holds"], [("path file name", "name")],
     ["Read {0}.", "Open the file {0}.", "Show me {0}.", "What is in {0}?"]),
    ("delete_file remove erase", ["Deletes a file", "Removes a file"], [("path file name", "name")],
     ["Delete {0}.", "Remove the file {0}.", "Erase {0}, please."]),
    ("call phone dial", ["Calls somebody", "Makes a telephone call"], [("person name who", "person")],
     ["Call {0}.", "Phone {0}.", "I want to speak with {0}.", "Ring {0}, please."]),
    ("distance route how_far", ["Tells how far two places are apart", "The way between two cities"], [("from start a", "city"), ("to end b", "city")],
     ["How far is it from {0} to {1}?", "Distance from {0} to {1}?", "I travel from {0} to {1}. How far is that?"]),
    ("roll_dice dice roll", ["Rolls dice", "Throws a die"], [("sides faces n", "number")],
     ["Roll a die with {0} sides.", "Throw a {0}-sided die.", "dice with {0} faces"]),
    ("set_volume volume loudness", ["Sets how loud it is", "Changes the volume"], [("level value percent", "number")],
     ["Set the volume to {0}.", "volume {0}", "Make it {0} percent loud."]),
    ("play play_song music", ["Plays a song", "Starts music"], [("title song name", "text")],
     ["Play {0}.", "Play the song {0}.", "I want to hear {0}.", "Put on {0}."]),
    ("book_table reserve", ["Books a table", "Reserves a table for people"], [("people guests count", "number"), ("time at when", "clock")],
     ["Book a table for {0} at {1}.", "Table for {0} at {1}, please.", "Reserve for {0} people at {1}."]),
    ("add_note note write_note", ["Keeps a note", "Writes something down"], [("text note content", "text")],
     ["Note: {0}.", "Write down {0}.", "Keep a note: {0}", "Remember {0}."]),
    ("price cost_of get_price", ["Tells the price of a thing", "What something costs"], [("item thing product", "item")],
     ["What does {0} cost?", "How much is {0}?", "Price of {0}?", "What is the price of {0}?"]),
]
UNSEEN = [
    ("water_plants", ["Waters plants for some minutes"], [("plant", "word"), ("minutes", "number")],
     ["Water the {0} for {1} minutes.", "Give the {0} water, {1} minutes."]),
    ("rename_file", ["Renames a file"], [("old", "name"), ("new", "name")], ["Rename {0} to {1}.", "Call the file {0} now {1}."]),
    ("count_letters", ["Counts the letters of a word"], [("word", "word")], ["Count the letters of {0}.", "How many letters has {0}?"]),
    ("invite", ["Invites a person to a place"], [("guest", "person"), ("town", "city")], ["Invite {0} to {1}.", "Ask {0} to come to {1}."]),
]


class Tool:
    """One of a family: its description for the model, a question, and the arguments that answer it."""

    def __init__(self, r, family):
        names, meanings, parameters, questions = family
        self.name = r.choice(names.split())
        taken = []
        for alternatives, _ in parameters:
            taken.append(r.choice([n for n in alternatives.split() if n not in taken]))
        kinds = [kind for _, kind in parameters]
        values = [MAKE[kind](r) for kind in kinds]
        self.arguments = dict(zip(taken, values))
        self.question = r.choice(questions).format(*values)
        types = {n: {"type": "integer" if kind == "number" else "string"} for n, kind in zip(taken, kinds)}
        self.described = {"type": "function", "function": {"name": self.name, "description": r.choice(meanings), "parameters": {
            "type": "object", "properties": types, "required": taken}}}


def offered(r, families=KNOWN):
    """The tool that is wanted and all that are offered, in any order."""
    first, *others = r.sample(families, r.choice([1, 2, 2, 3]))
    wanted = Tool(r, first)
    tools = [wanted] + [t for t in (Tool(r, f) for f in others) if t.name != wanted.name]
    r.shuffle(tools)
    return wanted, [t.described for t in tools]


def conversation(r, families=KNOWN):
    """A call that fits, and sometimes its result and what is said of it: (messages, tools)."""
    wanted, tools = offered(r, families)
    messages = [{"role": "user", "content": wanted.question},
                {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": wanted.name, "arguments": wanted.arguments}}]}]
    if r.random() < 0.3:
        result = r.choice([r.choice(RESULTS), str(number(r)), text(r)])
        messages += [{"role": "tool", "content": result}, {"role": "assistant", "content": f"The answer of {wanted.name} is: {result}."}]
    return messages, tools

"""Short simple stories from templates: a hero, a wish or a trouble, a friend, an ending."""

NAMES = [("Anna", "she", "her"), ("Ben", "he", "his"), ("Clara", "she", "her"), ("Tom", "he", "his"), ("Mia", "she", "her"), ("Leo", "he", "his"),
         ("Nora", "she", "her"), ("Sam", "he", "his"), ("Ella", "she", "her"), ("Max", "he", "his"), ("Ida", "she", "her"), ("Paul", "he", "his"),
         ("Rosa", "she", "her"), ("Finn", "he", "his"), ("Lily", "she", "her"), ("Oscar", "he", "his"),
         ("Hugo", "he", "his"), ("Emma", "she", "her"), ("Jonas", "he", "his"), ("Lena", "she", "her"), ("Karl", "he", "his"),
         ("Marta", "she", "her"), ("Peter", "he", "his"), ("Sofia", "she", "her"), ("David", "he", "his"), ("Greta", "she", "her"),
         ("Felix", "he", "his"), ("Julia", "she", "her"), ("Simon", "he", "his"), ("Hanna", "she", "her"), ("Otto", "he", "his"),
         ("Vera", "she", "her"), ("Noah", "he", "his"), ("Alma", "she", "her"), ("Theo", "he", "his"), ("Ruth", "she", "her"),
         ("Anton", "he", "his"), ("Zoe", "she", "her"), ("Emil", "he", "his"), ("Iris", "she", "her"), ("Jack", "he", "his"),
         ("Maya", "she", "her"), ("Luke", "he", "his"), ("Olga", "she", "her"), ("Milo", "he", "his"), ("Tessa", "she", "her"),
         ("Ravi", "he", "his"), ("Amina", "she", "her"), ("Kenji", "he", "his"), ("Yuki", "she", "her"), ("Omar", "he", "his"),
         ("Leila", "she", "her")]
HEROES = ["girl", "boy", "cat", "dog", "mouse", "rabbit", "fox", "bear", "owl", "duck", "frog", "hedgehog", "robot", "dragon", "baker",
          "sailor", "gardener", "squirrel", "bird", "turtle", "king", "queen", "giant", "goat", "horse", "knight", "wizard", "snail", "wolf",
          "penguin", "tailor", "painter", "elephant", "donkey", "beetle", "miller", "fish", "sheep"]
ADJECTIVES = ["small", "kind", "curious", "brave", "shy", "clever", "cheerful", "quiet", "young", "lonely", "friendly", "gentle"]
PLACES = ["near a deep forest", "by the sea", "in a small village", "on a green hill", "beside a slow river", "in a house of stone",
          "at the end of a long road", "in a town with a tall tower", "under an old oak tree", "on a little island", "in a warm valley"]
THINGS = ["a red ball", "a silver key", "a blue kite", "a warm lantern", "a wooden boat", "a golden bell", "a soft blanket", "an old map",
          "a small drum", "a green hat", "a shiny stone", "a book of songs", "a paper star", "a clay cup", "a bag of seeds", "a round mirror",
          "a copper coin", "a tin whistle", "a white feather", "a glass marble", "a yellow scarf", "a little lamp", "a box of paints", "a wool cap",
          "a brass button", "a long rope"]
FRIENDS = ["an old owl", "a little mouse", "a friendly dog", "a tired traveller", "a wise turtle", "a young bird", "a grey cat", "a busy bee",
           "a kind fisherman", "a quick squirrel", "a small hedgehog", "a merry baker", "a shy deer", "a proud rooster", "a wandering singer",
           "a patient snail", "an old shepherd"]
WEATHERS = ["One sunny morning", "One windy day", "One cold evening", "On a quiet Sunday", "One rainy afternoon", "Early one day in spring",
            "On the first day of snow", "One warm night"]
ENDINGS = ["From that day on they were friends.", "And that evening {name} fell asleep with a smile.", "After that, {name} was never lonely again.",
           "{name} learned that a little help can do a lot.", "And so the day ended well for everyone.", "They often laughed about it later.",
           "{name} never forgot that day.", "Since then {name} shares what {he} has.", "And the people there still tell this story."]
FEARS = ["the dark", "the thunder", "deep water", "high places", "strangers", "the wind"]
FOODS = ["bread and honey", "apple cake", "warm soup", "sweet berries", "nuts and cheese", "a big pancake", "plum jam", "roasted chestnuts", "cherry pie",
         "rice pudding"]
HIDING = ["behind the stove", "under a leaf", "in an empty bucket", "between two stones", "in the high grass", "under the old bridge"]
SOUNDS = ["a soft cry", "a strange song", "a quiet knock", "a small voice", "a deep hum"]


def article(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


def the(thing):
    return "the " + thing.split(" ", 1)[1]


def lost_thing(r, s):
    return [f"{s['name']} had {s['thing']} and loved it more than anything.",
            r.choice([f"{s['when']}, {the(s['thing'])} was gone.", f"{s['when']} {s['he']} looked for {the(s['thing'])}, but it was not there."]),
            r.choice([f"{s['name']} looked in every corner, but could not find it.", f"{s['name']} was sad and looked everywhere."]),
            f"Then {s['he']} met {s['friend']}.",
            f"\"Why are you sad?\" asked {the(s['friend'])}.",
            f"\"I have lost {the(s['thing'])},\" said {s['name']}.",
            f"\"Let us look for it together,\" said {the(s['friend'])}.",
            f"They searched until they found it {r.choice(HIDING)}.",
            r.choice([f"{s['name']} was so happy that {s['he']} danced.", f"\"Thank you!\" said {s['name']}, and they ate {s['food']}."])]


def found_thing(r, s):
    return [f"{s['when']}, {s['name']} found {s['thing']} {r.choice(HIDING)}.",
            f"\"Whose can it be?\" {s['he']} wondered.",
            f"{s['name']} went from door to door and asked, but nobody knew.",
            f"At last {s['he']} came to {s['friend']}.",
            f"\"That is mine!\" said {the(s['friend'])}. \"I lost it long ago.\"",
            r.choice([f"{s['name']} gave it back at once.", f"{s['name']} wanted to keep it, but {s['he']} gave it back."]),
            f"{the(s['friend']).capitalize()} was glad and gave {s['him']} {s['food']}."]


def afraid(r, s):
    fear = r.choice(FEARS)
    return [f"{s['name']} was afraid of {fear}.",
            f"{s['when']}, {s['he']} heard {r.choice(SOUNDS)} outside.",
            f"It was {s['friend']} who needed help.",
            f"{s['name']} thought of {fear} and trembled.",
            f"But {s['he']} took {s['thing']}, counted to three, and went out.",
            r.choice([f"Step by step {s['he']} came closer.", f"{s['his'].capitalize()} heart beat fast, but {s['he']} did not turn back."]),
            f"\"You came!\" said {the(s['friend'])}. \"You are very brave.\"",
            f"Then {s['name']} saw that {fear} was not so bad after all."]


def sharing(r, s):
    return [f"{s['name']} had {s['food']} and wanted to eat it alone.",
            f"{s['when']}, {s['friend']} came by and was hungry.",
            f"\"May I have a little?\" asked {the(s['friend'])}.",
            f"{s['name']} thought about it for a while.",
            r.choice([f"Then {s['he']} cut everything into two equal parts.", f"\"Sit down,\" said {s['name']}. \"There is enough for two.\""]),
            f"They ate together and talked until the moon came up.",
            f"The next day {the(s['friend'])} brought {s['thing']} as a present."]


def building(r, s):
    work = r.choice(["a bridge", "a small house", "a boat", "a garden", "a tower of stones", "a nest"])
    return [f"{s['name']} wanted to build {work}.",
            f"{s['when']}, {s['he']} began to work.",
            r.choice(["But the wind blew it down.", "But it fell over again and again.", "But it was too much for one alone."]),
            f"\"I cannot do it,\" said {s['name']}.",
            f"{s['friend'].capitalize()} was watching. \"Try it more slowly,\" said {the(s['friend'])}, \"and let me hold this end.\"",
            "They worked all day long.",
            f"In the evening {the(work)} was finished, and they hung {s['thing']} on it.",
            f"Then they ate {s['food']} beside it."]


def journey(r, s):
    return [f"{s['name']} wanted to see what was behind the hills.",
            f"{s['when']}, {s['he']} packed {s['thing']} and {s['food']} and set out.",
            f"On the way {s['he']} met {s['friend']}.",
            f"\"Where are you going?\" asked {the(s['friend'])}.",
            f"\"Behind the hills,\" said {s['name']}. \"Do you want to come with me?\"",
            f"They walked until the stars came out.",
            r.choice(["Behind the hills there was a lake, and the moon lay in it like a coin.", "Behind the hills there was another valley, full of flowers.",
                      "Behind the hills they found the sea."]),
            f"They looked at it for a long time and then went home together."]


PLOTS = [lost_thing, found_thing, afraid, sharing, building, journey]
ASKING = ["Tell me a story.", "Tell me a short story.", "tell me a story", "Can you tell a story?", "I would like to hear a story.", "Write a short story.",
          "A story, please.", "Please tell me a little story.", "Make up a story.", "Once upon a time?", "Tell me a bedtime story."]
ASKING_HERO = ["Tell me a story about {}.", "tell me a story about {}", "Write a story about {}.", "I want a story about {}.", "A short story about {}, please.",
               "Can you tell me a story about {}?", "Make up a story about {}."]


def story(r, hero=None, name=None):
    """The text of one story; hero and name where they are asked for."""
    chosen = next((n for n in NAMES if n[0] == name), None) or r.choice(NAMES)
    hero = hero or r.choice(HEROES)
    if hero in ("girl", "queen") or hero in ("boy", "king"):
        wanted = "she" if hero in ("girl", "queen") else "he"
        chosen = chosen if chosen[1] == wanted else r.choice([n for n in NAMES if n[1] == wanted])
    s = {"name": chosen[0], "he": chosen[1], "his": chosen[2], "him": "her" if chosen[1] == "she" else "him", "thing": r.choice(THINGS),
         "friend": r.choice([f for f in FRIENDS if hero not in f]), "when": r.choice(WEATHERS), "food": r.choice(FOODS), "place": r.choice(PLACES)}
    adjective = r.choice([a for a in ADJECTIVES])
    opening = r.choice([f"Once upon a time there was {article(adjective)} {hero} named {s['name']}, who lived {s['place']}.",
                        f"{s['place'][0].upper() + s['place'][1:]} lived {article(adjective)} {hero} named {s['name']}.",
                        f"There once was {article(adjective)} {hero}. {s['his'].capitalize()} name was {s['name']}, and {s['he']} lived {s['place']}."])
    return " ".join([opening, *r.choice(PLOTS)(r, s), r.choice(ENDINGS).format(**s)])


def request(r):
    """(question, story)"""
    if r.random() < 0.35:
        return r.choice(ASKING), story(r)
    hero = r.choice(HEROES)
    kind = article(hero)
    if r.random() < 0.5:
        return r.choice(ASKING_HERO).format(kind), story(r, hero)
    name = r.choice([n for n in NAMES if hero not in ("girl", "queen") or n[1] == "she"])
    if hero in ("boy", "king"):
        name = r.choice([n for n in NAMES if n[1] == "he"])
    return r.choice(ASKING_HERO).format(f"{kind} named {name[0]}"), story(r, hero, name[0])

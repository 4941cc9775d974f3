"""What people say that is no question about a drawing, and what is answered."""

from __future__ import annotations

from importlib.resources import files

HELLO = "Hello! Send me a drawing and ask me about it."
WELCOME = "You are welcome!"
GOODBYE = "Goodbye!"
ABILITIES = "I answer questions about simple drawings: shapes, colours, sizes, places and numbers."
NO_PICTURE = "I see no picture yet. Please send me a drawing."
UNKNOWN = "I only know simple drawings, and this is not one of them."
OFF_TOPIC = "I only know simple drawings. Ask me about shapes, colours, sizes, places or numbers."
WELL = "I am fine, thank you. Shall we look at a drawing?"
GLAD = "I am glad to hear that."
ENGLISH_ONLY = "I am sorry, I only understand English."
SORRY = "I am sorry. I may be wrong: I am a very small model."


def _lines(name: str) -> tuple[str, ...]:
    return tuple(files("inference.demo").joinpath(name).read_text(encoding="utf-8").splitlines())


REPLIES: dict[str, tuple[str, ...]] = {
    HELLO: (
        "Hello",
        "Hi",
        "Hi!",
        "Hey",
        "Hey there",
        "Hello!",
        "Good morning",
        "Good evening",
        "hello bot",
        "hi there",
        "yo",
    ),
    WELCOME: (
        "Thanks",
        "Thank you",
        "Thanks!",
        "Thank you!",
        "thx",
        "Thank you very much",
        "thanks a lot",
        "cool, thanks",
        "ty",
    ),
    GOODBYE: ("Bye", "Goodbye", "bye!", "See you", "Good night", "see you later"),
    ABILITIES: (
        "What can you do?",
        "Who are you?",
        "What are you?",
        "Help",
        "How do you work?",
        "What do you know?",
        "what can I ask?",
        "Can you help me?",
        "How can you help?",
    ),
    WELL: ("How are you?", "How are you doing?", "how's it going?", "What's up?", "all good?"),
    GLAD: (
        "Great!",
        "Good.",
        "Nice",
        "Well done!",
        "Correct!",
        "Right.",
        "You are right",
        "awesome",
        "cool",
        "ok",
        "I see",
    ),
    SORRY: (
        "That is wrong",
        "No, that's wrong",
        "Wrong!",
        "You are wrong",
        "Are you sure?",
        "not true",
        "that's not right",
    ),
    ENGLISH_ONLY: _lines("foreign.txt"),
    OFF_TOPIC: (
        "What is the capital of France?",
        "Who is the president?",
        "What is 2 + 2?",
        "Write me a poem",
        "What time is it?",
        "Tell me a joke",
        "How is the weather today?",
        "What is the meaning of life?",
        "Can you write Python code?",
        "Who won the world cup?",
        "Translate this to German",
        "How old are you?",
        "What is your favourite food?",
        "Do you love me?",
        "Play some music",
        "How do I cook rice?",
        "Why is the sky blue?",
        "What is love?",
        "Sing a song",
        "When was Rome built?",
        "Give me a recipe",
        "How tall is Mount Everest?",
        "What should I do today?",
        "asdf",
        "lol",
        "blah blah",
        "Which language do you speak?",
        "What year is it?",
        "Can you draw?",
        "Solve this equation",
        "Who painted this?",
        "Who drew this?",
        "What is the cat doing?",
        "Is the fish happy?",
        "How much does the car cost?",
        "How old is the tree?",
        "Who lives in the house?",
        "Is it day or night?",
        "What is the weather like in the picture?",
        "Where is the boat going?",
        "What is the cat called?",
        "What is it doing?",
        "Is it happy?",
        "How old is it?",
        "How much does it cost?",
        "Is this art?",
        "Do you like the picture?",
        "When was this drawn?",
        "What will happen next?",
        "How heavy is the square?",
        "What does the flower smell like?",
    ),
}

WORDS = tuple(" ".join(_lines("words.txt")).split())
"""Everyday nouns that have nothing to do with drawings."""
NAMES = (
    "Anna",
    "Ben",
    "Carla",
    "David",
    "Emma",
    "Felix",
    "Grace",
    "Hugo",
    "Ida",
    "Jonas",
    "Lina",
    "Max",
    "Nora",
    "Omar",
    "Sam",
)

"""The prompts of the IDEFICS task guide, item by item, with pictures of one colour."""

from __future__ import annotations

from PIL import Image

from inference.prompt import END_OF_UTTERANCE, PromptItem

RED = Image.new("RGB", (4, 3), "red")
BLUE = Image.new("RGB", (2, 5), "blue")

GUIDE: dict[str, list[PromptItem]] = {
    "captioning": [RED],
    "prompted captioning": [RED, "This is an image of "],
    "few-shot": [
        "User:",
        RED,
        "Describe this image.\nAssistant: An image of the Eiffel Tower at night. Fun fact: the Eiffel Tower "
        "is the same height as an 81-storey building.\n",
        "User:",
        BLUE,
        "Describe this image.\nAssistant:",
    ],
    "visual question answering": [
        "Instruction: Provide an answer to the question. Use the image to answer.\n",
        RED,
        "Question: Where are these people and what's the weather like? Answer:",
    ],
    "classification": [
        "Instruction: Classify the following image into a single category from the following list: "
        "['animals', 'vegetables', 'city landscape', 'cars', 'office'].\n",
        RED,
        "Category: ",
    ],
    "story": ["Instruction: Use the image to write a story. \n", RED, "Story: \n"],
    "conversation": [
        "User: What is in this image?",
        RED,
        END_OF_UTTERANCE,
        "\nAssistant: This picture depicts Idefix, the dog of Obelix in Asterix and Obelix. Idefix is "
        "running on the ground.",
        END_OF_UTTERANCE,
        "\nUser:",
        BLUE,
        "And who is that?",
        END_OF_UTTERANCE,
        "\nAssistant:",
    ],
}

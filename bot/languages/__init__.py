"""The bot's own words in the languages that there is a gettext catalogue for; English is that of the code."""

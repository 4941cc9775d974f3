"""The core: messages, photos and settings as the bot sees them, whom it answers, and how."""

"""What the bot does in Discord, one cog per concern."""

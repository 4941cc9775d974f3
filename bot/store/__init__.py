"""What is remembered, in SQLite: the only room that speaks SQL."""

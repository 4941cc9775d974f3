"""The browser's side: the playground, and what shows that the program is well."""

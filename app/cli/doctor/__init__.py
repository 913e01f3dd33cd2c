"""`earshot doctor`: checks of the database, the settings and the server's environment."""

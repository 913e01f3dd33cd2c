"""Small databases as the released versions left them: a folder for each version, a script in SQL for each engine."""

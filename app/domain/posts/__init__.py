"""Posts, and their votes, comments, follows and attachments."""

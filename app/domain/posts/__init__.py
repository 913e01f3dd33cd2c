"""Posts, and the votes, comments, follows and files that belong to them."""

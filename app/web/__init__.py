"""What is served to browsers: pages, files and the documents of both APIs."""

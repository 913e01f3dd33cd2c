"""What browsers reach: pages, files and the documents of both interfaces."""

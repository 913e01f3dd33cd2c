"""Mail: which emails an event has, their text, and sending them."""

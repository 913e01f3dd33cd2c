"""The pages of a portal for its visitors and users."""

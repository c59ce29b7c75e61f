"""Many processes analyse, here or on other machines; one places."""

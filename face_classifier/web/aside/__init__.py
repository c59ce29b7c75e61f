"""What takes long to work out: it is made in a thread of its own, and a page says so and goes on by itself."""

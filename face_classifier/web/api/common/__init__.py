"""What every part of the API does alike: its errors, its lists in pages, its writes, and the words of its values."""

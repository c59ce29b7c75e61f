"""What the user wants: flat settings with flags, nested models of cameras, channels and rules, and their loader."""

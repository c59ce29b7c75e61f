"""What the page says in each language: English is in the templates and scripts, other languages in catalogues here."""

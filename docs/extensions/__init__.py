"""What the site needs beyond Sphinx and its themes, one idea in each file."""

"""Extensions of the site beyond Sphinx and its themes, one idea in each file."""

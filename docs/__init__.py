"""Scripts that make the pages and pictures in this folder."""

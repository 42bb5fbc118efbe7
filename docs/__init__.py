"""What makes the pages and pictures in this folder."""

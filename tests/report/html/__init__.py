"""The HTML report: its lanes, its page, and the page in a browser."""

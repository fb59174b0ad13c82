"""What the documentation draws from the model: pages about the fleet, and the README's picture.

``view`` says in plain data what they show; ``pages`` (Markdown) and ``picture`` (SVG) are pure functions of it. MkDocs
calls ``hook`` while it builds the site, which refreshes the picture too, the only file that is kept.
"""

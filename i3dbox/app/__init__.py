"""The web page and its server: what a browser or a program sends is recognised and shown.

Gradio is imported by page.py and server.py alone; the rest is tested without it.
"""

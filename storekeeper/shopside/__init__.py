"""
The part that runs inside the shop's own interpreter, next to the shop's own Django.

Standard library and Django alone, Python 3.8 and Django 3.2 or newer: the shop need not have storekeeper
installed. It hears questions and gives answers as frames (``frames.py``).
"""

"""
Raw sums of a database, taken with SQL alone by our own interpreter.

Verification compares those of the backup's moment with those of the restored database. Nothing here knows of
Django, of fixtures or of dumps: what those get wrong is not repeated here.
"""

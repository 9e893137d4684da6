"""One small file for each command that the shop's manage.py gets; the test of them names the list."""

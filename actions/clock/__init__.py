"""
Can the clock of this machine be trusted for judging age now? The one place that answers.

``check.py`` decides, ``record.py`` keeps the last moment at which the answer was yes, ``machine.py`` reads
the clock beside the time since the machine's start, ``signs.py`` gathers what shows when the shop was last
alive, ``timeline.py`` looks for a hole in it, ``judged.py`` names what each action removes by age, and
``guard.py`` stands before the removals of a run.
"""

"""Facts of the operating system, on the standard library alone.

The sub-packages name the processes, groups and files that everything above rests on.
Importers name the defining module.
"""

"""The commands as click shows them: options, arguments and help.

These modules import nothing that help and completion do not need. Each command imports
the module that does its work when it runs.
"""

"""The front door: the console command `yici`, and nothing else.

Belongs here: turning a command line into calls of the other rooms, and their errors into messages.
Does not: any work of its own. Imports of the rooms happen inside commands, so that `yici --help` is instant.
In: arguments and environment. Out: text for a person, an exit code for a script.
"""

"""The main module of a process that multiprocessing spawns from a program under `python -m rushlight`."""

from rushlight._runner import main_of_parent

globals().update({name: value for name, value in main_of_parent().items() if not name.startswith("__")})

"""python -m rushlight script.py: see `rushlight._runner`."""

from rushlight._runner import main

main()

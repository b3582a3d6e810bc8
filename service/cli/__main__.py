"""`python -m service.cli`: the command where nothing is installed."""

from service.cli.main import main

main()

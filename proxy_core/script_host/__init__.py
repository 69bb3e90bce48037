"""The process that runs people's scripts: standard library only, nothing of ours, so any Python from 3.11 will do."""

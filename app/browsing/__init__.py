"""Browsers that we start, and the other ways in: Qt-free but for the launch."""

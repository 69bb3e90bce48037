"""Widgets of Qt; what they show is computed in Qt-free modules beside them."""

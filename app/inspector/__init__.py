"""One exchange, taken apart: pages, body views and the Qt-free modules that say what they show."""

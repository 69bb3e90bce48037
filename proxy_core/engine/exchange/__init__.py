"""One exchange on its way between the two sides."""

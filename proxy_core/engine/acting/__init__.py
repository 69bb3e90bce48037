"""What acts on exchanges: the rules in force (`rule_book`), one exchange's (`rule_run`), and a deed for each effect."""

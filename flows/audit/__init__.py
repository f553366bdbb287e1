"""The audit of a zoo: capture once, repair in several ways, measure, judge, and keep."""

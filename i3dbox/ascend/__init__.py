"""What Ascend chips are, what is set for each, and whether a machine has what they need."""

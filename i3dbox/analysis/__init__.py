"""What a network costs, and what parts there are."""

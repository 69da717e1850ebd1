"""What is wrong with a config, found before anything expensive, and the protocols that change
one.
"""

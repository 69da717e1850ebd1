"""What runs exported files, one class a runtime. Each imports its library when it is built, and no
other.
"""

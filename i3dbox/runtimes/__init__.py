"""What runs exported files, one class per runtime. Each imports its library when it is built, and
no other.
"""

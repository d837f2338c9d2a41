"""What every interpreter of a trial loads: copied beside the scratch copy, never imported by logshift itself.

It runs under whatever Python the tested project uses, beside whatever that has loaded, so it keeps to builtins,
to syntax that is old, and to itself: what goes wrong in here is written down and never raised.
"""

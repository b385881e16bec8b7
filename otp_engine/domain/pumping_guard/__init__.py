"""The pumping guard: refuses messages to places where too few codes are typed in.

A message is unproven until its code is typed in. `decisions` has the model: the same
arithmetic as `store/lua/lib/pumping_guard.lua`, without Redis and without a clock.
"""

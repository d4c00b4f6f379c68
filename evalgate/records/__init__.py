"""The nouns of the story: frozen records, one module a stage, in story order.

change -> check -> training -> evaluation -> comparison -> verdict -> registry; `policy` and `suite` are what people write.
"""

"""The few formulas that scipy and statsmodels do not have, each with its source and what happens at n = 0 and n = 1."""

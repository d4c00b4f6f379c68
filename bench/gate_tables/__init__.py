"""What `bench/gate_characteristic.py` measures: drawn comparisons, and a module for each kind of figure."""

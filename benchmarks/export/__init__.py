"""How much faster windows make an export when every request takes its time."""

"""How fast Earshot is, as ratios to the fastest honest answer on the same machine in the same minute."""

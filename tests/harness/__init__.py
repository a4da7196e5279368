"""Building, running and talking to the programs of the chapters, from the outside."""

"""DL/T 645, editions 1997 and 2007 with the 2013 extension: frames, identifiers, conversations."""

"""DL/T 645: frames, identifiers, conversations."""

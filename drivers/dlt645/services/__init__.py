"""What a meter does beyond giving its points: clock, freezes, load profile, events, relay, search."""

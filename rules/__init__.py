"""What readings mean: observations in, incidents out. No IO, no clock, no thread, no log; knows no protocol."""

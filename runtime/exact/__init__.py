"""What is left between a decoded picture and the original, so that no sample is off by more than a bound."""

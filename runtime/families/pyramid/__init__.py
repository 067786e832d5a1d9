"""The wavelet pyramid: a wavelet of six levels, whose details small networks predict from coarse to fine."""

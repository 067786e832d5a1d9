"""A progressive codec: iterations of one recurrent network tell bit after bit; any prefix of a stream is a picture."""

"""Where `capture` takes pictures from: cameras, streams, snapshot URLs and videos."""

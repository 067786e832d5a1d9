"""Picture files and their metadata: `read.py` takes them in, `write.py` puts them out; Pillow does the work."""

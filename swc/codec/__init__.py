"""The codec: recordings <-> streams, in memory (`codec`) and from file to file (`transcode`)."""

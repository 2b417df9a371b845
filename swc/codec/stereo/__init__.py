"""Pairs of channels <-> one coded channel and its parameters.

After binaural cue coding and parametric stereo (Breebaart et al., EURASIP JASP 2005:9): level difference, coherence and
phase in bands and slots, and a delay for each chunk. formats/SWC-1.md, section 6.1, defines the numbers.
"""

"""Decoding without networks: everything between codes and audio that is arithmetic, on numpy or torch alike.

Nothing here imports torch. What a network does is left to whoever has one (see `swc.dsp.spectral`).
"""

"""The arithmetic between codes and audio, on arrays of numpy or torch. Networks are left to subclasses.

Nothing here imports torch.
"""

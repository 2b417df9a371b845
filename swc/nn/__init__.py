"""Networks: encoders, decoders and quantizers, one idea a file."""

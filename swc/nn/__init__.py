"""Networks: an encoder, a quantizer and a decoder of any kind make a codec (`CodecModel`)."""

"""Parts of networks of several kinds."""

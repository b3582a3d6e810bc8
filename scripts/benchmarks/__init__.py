"""What a call costs: Kambill beside two proxies that do less, in turn, on the same machine with the same telephones."""

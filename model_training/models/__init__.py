"""The network: ECG encoder, frozen text encoder, cardiac fusion."""

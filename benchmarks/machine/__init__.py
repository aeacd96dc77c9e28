"""What a measurement ran on, and what disturbed it: read from /proc, /sys, NVML and git. No framework is imported."""

"""What may happen next: how likely it is and why, and later whether it came true."""

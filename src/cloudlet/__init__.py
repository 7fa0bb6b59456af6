"""cloudlet: a serverless cloud that its users own."""

"""cloudlet: a serverless cloud that its users own."""

from cloudlet import compiled

compiled.install()

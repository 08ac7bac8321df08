"""Mock data: a seeded generator of landing files, planted faults, and named scenarios with what each must give."""

"""WITH WHAT: Spark engines and secrets; environments.py maps an environment to them."""

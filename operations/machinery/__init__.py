"""How a run works: the run itself, its steps, the nodes it talks to, what the site decided."""

"""From a statement's tree to a plan: names resolved, access chosen, expressions compiled."""

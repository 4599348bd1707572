"""Small pieces agents share, so that an agent's file shows only its idea."""

"""Who may do what to whose things: every endpoint, asked by every role about everybody's things."""

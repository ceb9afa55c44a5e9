"""What was missed: three kinds of evidence that are never merged (canaries, labelled sets, readers), and attacks beside them."""

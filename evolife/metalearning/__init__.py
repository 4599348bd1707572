"""Selection operators trained by backprop: the loop around evolution."""

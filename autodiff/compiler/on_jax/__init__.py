"""JAX as a target: programs printed as functions of ``jax.numpy``, on one device or many."""

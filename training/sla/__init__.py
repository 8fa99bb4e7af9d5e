"""RetNet, GLA and Gated DeltaNet with Softmax Linear Attention, in plain PyTorch, for training what `sla convert` reads."""

"""Step by step: one number carried through remedies that are added one at a time."""

"""The rules of the house (docs/style.md) that a program can check. Each checker is itself shown something bad."""

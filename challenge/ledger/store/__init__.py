"""What is stored, how it is read, and how it is kept safe."""

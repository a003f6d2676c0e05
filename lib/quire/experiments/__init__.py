"""What the chapters run: top-level functions from JSON arguments to rows, one module for each chapter."""

"""Constant statements, JSON rows, pagination and timestamps: how the domain writes SQL for both engines."""

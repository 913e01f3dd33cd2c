"""SQL for both engines: constant statements, JSON rows, pagination, text limits and timestamps."""

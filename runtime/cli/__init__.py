"""What the commands share: options, which files go where, jobs here or in other processes, and what is printed."""

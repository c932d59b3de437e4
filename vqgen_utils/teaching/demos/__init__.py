"""What goes wrong, small enough to watch: each module is one mistake or failure, and its cure."""

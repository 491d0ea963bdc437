"""How a question is asked: candidates in turn, each measurement in a process of its own."""

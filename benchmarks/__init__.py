"""What our client costs, against what people would use instead, measured on your own machine.

Every folder with a ``QUESTION`` is a question, and a module that can be run:
``python -m benchmarks.call``. ``python -m benchmarks`` runs them all; see its ``--help``.
"""

"""Native code: vector programs in LLVM's language, compiled, kept on disk and called on arrays.

``llvm`` is the language as text, ``lanes`` the carrier whose operations are its instructions, with
the functions of ``elementary``. ``storage`` knows where blocks lie, ``nest_writer`` writes the
loops of one instruction, ``outer_products`` those of a sum over the examples, ``to_llvm`` the whole
program. ``machine`` compiles and calls it; ``cache`` keeps the result.
"""

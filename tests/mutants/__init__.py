"""Classic wrong programs, each one small edit of a finished chapter, which prove the grader."""

import collections

# title: what is wrong with it
# file, old, new: in this file of the chapter `old`, which stands there once, is replaced by `new`
# caught_by: the name of the check that must fail
# says: words that must stand in the cause that the failure names, or in where it crashed
Mutant = collections.namedtuple("Mutant", "title file old new caught_by says")

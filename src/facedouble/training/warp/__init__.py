"""Training pairs made on whole batches: a warped input, and the target it should be restored to."""

from facedouble.training.warp.kinds import WARPS
from facedouble.training.warp.pairs import Pairs, make_pairs

__all__ = ["WARPS", "Pairs", "make_pairs"]

from rushlight.nn import functional
from rushlight.nn.modules.distance import PairwiseDistance
from rushlight.nn.modules.loss import _Loss


class TripletMarginWithDistanceLoss(_Loss):
    """How much nearer the negative is than the positive, by a distance of one's own."""

    def __init__(self, *, distance_function=None, margin: float = 1.0, swap: bool = False, reduction: str = "mean"):
        super().__init__()
        if margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin} instead"
            )
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin, self.swap, self.reduction = margin, swap, reduction

    def forward(self, anchor, positive, negative):
        return functional.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


TripletMarginWithDistanceLoss.__module__ = "rushlight.nn.modules.loss"

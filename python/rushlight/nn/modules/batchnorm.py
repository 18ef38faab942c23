from rushlight.nn.modules._layers import provide
from rushlight.nn.modules.module import Module


class _NormBase(Module):
    """What keeps running statistics."""

    _version = 2

    def reset_running_stats(self):
        """Gives the running statistics the values that they start with."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        version = local_metadata.get("version")
        if (version is None or version < 2) and self.track_running_stats:  # did not count batches yet
            from rushlight import int64, zeros

            counted = self.num_batches_tracked
            state_dict.setdefault(
                prefix + "num_batches_tracked", zeros((), dtype=int64) if counted is None else counted
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class _BatchNorm(_NormBase):
    pass


_BASE = "_BatchNorm"
__getattr__, __all__ = provide(__name__)

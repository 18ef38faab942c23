from rushlight.nn.modules._layers import provide
from rushlight.nn.modules.batchnorm import _NormBase


class _InstanceNorm(_NormBase):
    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        found = [name for name in ("running_mean", "running_var") if prefix + name in state_dict]
        if found and local_metadata.get("version") is None and not self.track_running_stats:
            kind = type(self).__name__
            error_msgs.append(
                "Unexpected running stats buffer(s) {} for {kind} with track_running_stats=False. If state_dict is a "
                "checkpoint saved before 0.4.0, this may be expected because {kind} does not track running stats by "
                "default since 0.4.0. Please remove these keys from state_dict. If the running stats are actually "
                "needed, instead set track_running_stats=True in {kind} to enable them. See the documentation of "
                "{kind} for details.".format(" and ".join(f'"{prefix + name}"' for name in found), kind=kind)
            )
            for name in found:
                state_dict.pop(prefix + name)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


_BASE = "_InstanceNorm"
__getattr__, __all__ = provide(__name__)

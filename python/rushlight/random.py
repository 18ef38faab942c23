"""The default stream of random numbers."""

import copyreg

from rushlight._C import Generator, Tensor, default_generator


def _generator(state: Tensor) -> Generator:
    generator = Generator()
    generator.set_state(state)
    return generator


copyreg.pickle(Generator, lambda generator: (_generator, (generator.get_state(),)))


def manual_seed(seed: int) -> Generator:
    """Restarts the default stream and returns its generator. `seed` is any 64-bit integer."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Restarts the default stream from the system's entropy and returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed with which the default stream started."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default stream: a uint8 tensor, PyTorch's layout."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Continues the default stream from a saved state."""
    default_generator.set_state(new_state)


class fork_rng:
    """Restores the default stream at the end of a `with` block."""

    def __init__(self, devices=None, enabled=True, **kwargs) -> None:
        self.enabled = enabled

    def __enter__(self):
        self.state = get_rng_state() if self.enabled else None

    def __exit__(self, *exception) -> None:
        if self.enabled:
            set_rng_state(self.state)

"""The steps of the optimizers as recorded operations: what `differentiable=True` takes instead of the call into C++.

Each function gives the new value of a parameter `theta` with the gradient `g`, and puts into `state` what the next step
needs. `o` holds the options of the group; those that are numbers may be tensors that require a gradient. Nothing is
written in place, so whatever autograd saved of one step is still there after the next.
"""

from rushlight._C import Tensor, tensor


def differentiable_step(update, group, states) -> None:
    """Takes `update`, one of the functions below, to each parameter of a group that has a gradient."""
    options = {name: _without_dims(value) for name, value in group.items() if name != "params"}
    for parameter in group["params"]:
        if parameter.grad is None:
            continue
        state = dict(states[parameter])
        g = -parameter.grad if group["maximize"] else parameter.grad
        # A copy: the parameter is written below, and autograd may keep what the formulas read.
        parameter.copy_(update(parameter.clone(), g, state, options))
        states[parameter].update(state)


def _without_dims(option):
    return option.squeeze() if isinstance(option, Tensor) else option


def _count(state) -> Tensor:
    """The number of this step, from 1."""
    step = state["step"] if "step" in state else tensor(0.0)
    if step.requires_grad:
        raise RuntimeError("`requires_grad` is not supported for `step` in differentiable mode")
    state["step"] = step + 1
    return state["step"]


def _remembered(state, name, g) -> Tensor:
    return state[name] if name in state else g.new_zeros(g.shape)


def _average(state, name, value, beta) -> Tensor:
    """The moving average of `value`, of which `beta` is the part that stays."""
    state[name] = beta * _remembered(state, name, value) + (1 - beta) * value
    return state[name]


def _decay(theta, g, o) -> tuple[Tensor, Tensor]:
    """Weight decay: of the parameter if decoupled, else as a part of the gradient."""
    if o["weight_decay"] == 0:
        return theta, g
    if o.get("decoupled_weight_decay"):
        return theta * (1 - o["lr"] * o["weight_decay"]), g
    return theta, g + o["weight_decay"] * theta


def sgd(theta, g, state, o) -> Tensor:
    theta, g = _decay(theta, g, o)
    momentum = o["momentum"]
    if momentum != 0:
        b = state.get("momentum_buffer")
        # As in PyTorch, the first buffer is the gradient without its history.
        b = g.detach().clone() if b is None else momentum * b + (1 - o["dampening"]) * g
        state["momentum_buffer"] = b
        g = g + momentum * b if o["nesterov"] else b
    return theta - o["lr"] * g


def adam(theta, g, state, o) -> Tensor:
    beta1, beta2 = o["betas"]
    t = _count(state)
    theta, g = _decay(theta, g, o)
    m = _average(state, "exp_avg", g, beta1)
    v = _average(state, "exp_avg_sq", g * g, beta2)
    if o["amsgrad"]:
        v = state["max_exp_avg_sq"] = _remembered(state, "max_exp_avg_sq", g).maximum(v)
    step_size = o["lr"] / (1 - beta1**t)
    return theta - step_size * m / (v.sqrt() / (1 - beta2**t).sqrt() + o["eps"])


def rmsprop(theta, g, state, o) -> Tensor:
    _count(state)
    theta, g = _decay(theta, g, o)
    v = _average(state, "square_avg", g * g, o["alpha"])
    if o["centered"]:
        v = v - _average(state, "grad_avg", g, o["alpha"]) ** 2
    update = g / (v.sqrt() + o["eps"])
    if o["momentum"] > 0:
        update = o["momentum"] * _remembered(state, "momentum_buffer", g) + update
        state["momentum_buffer"] = update
    return theta - o["lr"] * update


def adagrad(theta, g, state, o) -> Tensor:
    t = _count(state).item()
    theta, g = _decay(theta, g, o)
    v = state["sum"] = state["sum"] + g * g
    return theta - o["lr"] / (1 + (t - 1) * o["lr_decay"]) * g / (v.sqrt() + o["eps"])


def adadelta(theta, g, state, o) -> Tensor:
    _count(state)
    theta, g = _decay(theta, g, o)
    v = _average(state, "square_avg", g * g, o["rho"])
    moved = _remembered(state, "acc_delta", g)
    delta = (moved + o["eps"]).sqrt() / (v + o["eps"]).sqrt() * g
    _average(state, "acc_delta", delta * delta, o["rho"])
    return theta - o["lr"] * delta


def adamax(theta, g, state, o) -> Tensor:
    beta1, beta2 = o["betas"]
    t = _count(state).item()
    theta, g = _decay(theta, g, o)
    m = _average(state, "exp_avg", g, beta1)
    u = state["exp_inf"] = (beta2 * _remembered(state, "exp_inf", g)).maximum(g.abs() + o["eps"])
    return theta - o["lr"] / (1 - beta1**t) * m / u


def nadam(theta, g, state, o) -> Tensor:
    beta1, beta2 = o["betas"]
    t = _count(state).item()
    theta, g = _decay(theta, g, o)
    mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (i * o["momentum_decay"])) for i in (t, t + 1))
    product = state["mu_product"] = state.get("mu_product", tensor(1.0)) * mu
    m = _average(state, "exp_avg", g, beta1)
    v = _average(state, "exp_avg_sq", g * g, beta2)
    m_hat = mu_next / (1 - product * mu_next) * m + (1 - mu) / (1 - product) * g
    return theta - o["lr"] * m_hat / ((v / (1 - beta2**t)).sqrt() + o["eps"])


def radam(theta, g, state, o) -> Tensor:
    beta1, beta2 = o["betas"]
    t = _count(state).item()
    theta, g = _decay(theta, g, o)
    m = _average(state, "exp_avg", g, beta1) / (1 - beta1**t)
    v = _average(state, "exp_avg_sq", g * g, beta2)
    limit = 2 / (1 - beta2) - 1
    rho = limit - 2 * t * beta2**t / (1 - beta2**t)
    if rho > 5:  # else the variance of the step size has no bound, and Adam's denominator is left out
        rectification = ((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)) ** 0.5
        m = rectification * m * (1 - beta2**t) ** 0.5 / (v.sqrt() + o["eps"])
    return theta - o["lr"] * m


def rprop(theta, g, state, o) -> Tensor:
    _count(state)
    slower, faster = o["etas"]
    before = _remembered(state, "prev", g)
    size = state["step_size"] if "step_size" in state else o["lr"] * g.new_ones(g.shape)
    agreement = g * before
    size = (size * faster).where(agreement > 0, (size * slower).where(agreement < 0, size)).clamp(*o["step_sizes"])
    g = g.masked_fill(agreement < 0, 0)  # no step where the sign has just changed
    state.update(prev=g, step_size=size)
    return theta - g.sign() * size


def asgd(theta, g, state, o) -> Tensor:
    lr, decay = o["lr"], o["lambd"]
    t = _count(state).item()
    theta, g = _decay(theta, g, o)
    # Kept in the default dtype, as by PyTorch, and used in double precision, as by the step in C++.
    eta, mu = (state[name] if name in state else tensor(0.0).add_(first) for name, first in (("eta", lr), ("mu", 1)))
    theta = theta * (1 - decay * eta.double()) - eta.double() * g
    average = _remembered(state, "ax", g)
    average = theta if mu == 1 else average + mu.double() * (theta - average)
    state.update(
        eta=eta.new_zeros(()).add_(lr / (1 + decay * lr * t) ** o["alpha"]),
        mu=mu.new_tensor(1 / max(1.0, t - o["t0"])),
        ax=average,
    )
    return theta

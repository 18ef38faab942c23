"""L-BFGS (Nocedal, 1980), with a line search by the strong Wolfe conditions (Nocedal and Wright, chapter 3)."""

from typing import Any, NamedTuple

from rushlight._C import Tensor
from rushlight.autograd.grad_mode import enable_grad, no_grad
from rushlight.optim.optimizer import Optimizer, _check_lr

__all__ = ["LBFGS"]


class _Point(NamedTuple):
    """A place on the line: how far along, the loss there, its gradient, and the slope along the line."""

    step: Any
    loss: float
    gradient: Any
    slope: Any


def _cubic_minimum(a, b, low=None, high=None):
    """Where the cubic through two points, with their slopes, is least between `low` and `high`."""
    if low is None:
        low, high = (a.step, b.step) if a.step <= b.step else (b.step, a.step)
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step)
    square = d1**2 - a.slope * b.slope
    if square < 0:
        return (low + high) / 2.0
    d2 = square.sqrt()
    if a.step > b.step:
        a, b = b, a
    least = b.step - (b.step - a.step) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(least, low), high)


def _search(evaluate, start, step, size, limit, sufficient=1e-4, curvature=0.9, tolerance=1e-9):
    """A point that meets the strong Wolfe conditions, or the best found, and how often `evaluate` was called."""

    def is_too_high(point):
        return point.loss > start.loss + sufficient * point.step * start.slope

    def is_flat(point):
        return abs(point.slope) <= -curvature * start.slope

    # Go on until two points have a fitting one between them.
    before, point = start, evaluate(step)
    calls, rounds, done = 1, 0, False
    bracket = None
    while rounds < limit:
        if (
            is_too_high(point)
            or (rounds > 1 and point.loss >= before.loss)
            or (point.slope >= 0 and not is_flat(point))
        ):
            bracket = [before, point]
            break
        if is_flat(point):
            bracket, done = [point], True
            break
        lowest = point.step + 0.01 * (point.step - before.step)
        before, point = point, evaluate(_cubic_minimum(before, point, lowest, point.step * 10))
        calls, rounds = calls + 1, rounds + 1
    if bracket is None:
        bracket = [start, point]

    # Draw the two together.
    low, high = _by_loss(bracket)
    stalled = False
    while not done and rounds < limit:
        first, last = min(each.step for each in bracket), max(each.step for each in bracket)
        if abs(bracket[1].step - bracket[0].step) * size < tolerance:
            break
        step = _cubic_minimum(*bracket)
        margin = 0.1 * (last - first)
        is_near_end = min(last - step, step - first) < margin
        if is_near_end and (stalled or step >= last or step <= first):
            step = last - margin if abs(step - last) < abs(step - first) else first + margin
            is_near_end = False
        stalled = is_near_end
        point = evaluate(step)
        calls, rounds = calls + 1, rounds + 1
        if is_too_high(point) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = _by_loss(bracket)
            continue
        done = bool(is_flat(point))
        if not done and point.slope * (bracket[high].step - bracket[low].step) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
    return bracket[low], calls


def _by_loss(bracket):
    return (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)


class LBFGS(Optimizer):
    """Newton's method with an inverse Hessian made of the last `history_size` steps.

    `step(closure)` needs the closure, which it calls up to `max_eval` times in up to `max_iter` iterations.
    `line_search_fn` is None, for steps of fixed length `lr`, or "strong_wolfe".
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        _check_lr(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def _gradient(self):
        from rushlight import cat

        parts = [p.new_zeros(p.numel()) if p.grad is None else p.grad.view(-1) for p in self._params]
        return cat(parts, 0)

    def _move(self, step, direction) -> None:
        start = 0
        for parameter in self._params:
            part = direction[start : start + parameter.numel()]
            parameter.add_(part.view_as(parameter), alpha=step)
            start += parameter.numel()

    def _search_line(self, closure, start, step, direction, limit):
        before = [parameter.clone() for parameter in self._params]

        def evaluate(step):
            self._move(step, direction)
            loss = float(closure())
            gradient = self._gradient()
            for parameter, value in zip(self._params, before, strict=True):
                parameter.copy_(value)
            return _Point(step, loss, gradient, gradient.dot(direction))

        return _search(evaluate, start, step, direction.abs().max(), limit)

    def _direction(self, state, gradient, history_size):
        """Minus the gradient times the inverse Hessian that the remembered steps suggest."""
        y, s = gradient.sub(state["prev_flat_grad"]), state["d"].mul(state["t"])
        ys = y.dot(s)
        changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        if ys > 1e-10:
            if len(changes) == history_size:
                for each in (changes, steps, inverses):
                    each.pop(0)
            changes.append(y)
            steps.append(s)
            inverses.append(1.0 / ys)
            state["H_diag"] = ys / y.dot(y)
        factors = state.setdefault("al", [None] * history_size)
        direction = gradient.neg()
        for i in reversed(range(len(changes))):
            factors[i] = steps[i].dot(direction) * inverses[i]
            direction.add_(changes[i], alpha=-factors[i])
        direction = direction.mul(state["H_diag"])
        for i in range(len(changes)):
            factor = changes[i].dot(direction) * inverses[i]
            direction.add_(steps[i], alpha=factors[i] - factor)
        return direction

    @no_grad()
    def step(self, closure) -> Any:  # type: ignore[override]
        """Minimises; `closure` clears the gradients, computes the loss, calls backward and returns the loss."""
        closure = enable_grad()(closure)
        group = self.param_groups[0]
        lr = float(group["lr"])
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        state = self.state[self._params[0]]  # all of it, so that it is converted as that parameter is
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        loss, gradient, calls = float(first_loss), self._gradient(), 1
        state["func_evals"] += 1
        if gradient.abs().max() <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                state.update(d=gradient.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
                state["t"] = min(1.0, 1.0 / gradient.abs().sum()) * lr
            else:
                state["d"] = self._direction(state, gradient, group["history_size"])
                state["t"] = lr
            state["prev_flat_grad"], state["prev_loss"] = gradient.clone(), loss
            slope = gradient.dot(state["d"])
            if slope > -group["tolerance_change"]:
                break
            made = 0
            if group["line_search_fn"]:
                start = _Point(0, loss, gradient, slope)
                limit = group["max_eval"] - calls
                found, made = self._search_line(closure, start, state["t"], state["d"], limit)
                state["t"], loss, gradient = found.step, found.loss, found.gradient
                self._move(state["t"], state["d"])
            else:
                self._move(state["t"], state["d"])
                if iteration != group["max_iter"]:  # after the last, nothing asks for the loss
                    loss, gradient, made = float(closure()), self._gradient(), 1
            calls += made
            state["func_evals"] += made
            if (
                calls >= group["max_eval"]
                or gradient.abs().max() <= group["tolerance_grad"]
                or state["d"].mul(state["t"]).abs().max() <= group["tolerance_change"]
                or abs(loss - state["prev_loss"]) < group["tolerance_change"]
            ):
                break
        return first_loss

"""Top-oil temperature that load and air explain, after the simple model of IEC 60076-7 for natural cooling."""

from math import exp

from rules.thresholds import Limits


class Oil:
    """The model of one transformer: it follows the load with the oil's own lag."""

    def __init__(self, limits: Limits) -> None:
        own = limits["transformer"]
        self._rise_k = own["oil_rise_k"]
        self._ratio = own["oil_loss_ratio"]
        self._lag_s = own["oil_lag_s"]
        self.state: tuple[float, float] | None = None  # epoch seconds, K above the air

    def excess(self, at: float, load: float, ambient: float, oil: float) -> float:
        """By how many kelvin the oil is warmer than explained; `load` as a share of the rating.

        The model starts at the first reading, so only what changes from then on can be unexplained.
        """
        if self.state is None:
            self.state = (at, oil - ambient)
            return 0.0
        was_at, rise = self.state
        aim: float = self._rise_k * ((1 + self._ratio * load**2) / (1 + self._ratio)) ** 0.8
        rise += (aim - rise) * (1 - exp(-max(0.0, at - was_at) / self._lag_s))
        self.state = (at, rise)
        return oil - ambient - rise

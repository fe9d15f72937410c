"""What a customer draws: a pure function of the time of day and a seed."""

import random
from dataclasses import dataclass
from math import exp, pi, sin

DAY_S = 86_400.0
OFFSET = -1
"""The number of a slot that never comes: what is drawn in it shifts the others."""
_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Appliance:
    """Something that switches: on for `share` of its slots, decided anew in every slot."""

    kw: float
    slot_s: float
    share: float
    follows_the_day: bool = True  # the share goes with the customer's day; a refrigerator's does not


@dataclass(frozen=True, slots=True)
class Household:
    """One customer's load, total over its phases."""

    seed: int
    standby_kw: float = 0.12
    appliances: tuple[Appliance, ...] = ()
    power_factor: float = 0.95
    solar_kw: float = 0.0  # peak of a photovoltaic plant; 0: none

    def demand_kw(self, at: float) -> float:
        """What is drawn at epoch second `at`, without the sun."""
        day = activity(at)
        drawn = self.standby_kw
        for index, appliance in enumerate(self.appliances):
            share = appliance.share * (day if appliance.follows_the_day else 1.0)
            own = _chance(self.seed, index, OFFSET)  # nobody's slots begin when the neighbours' do
            if _chance(self.seed, index, int(at / appliance.slot_s + own)) < share:
                drawn += appliance.kw
        return drawn

    def solar_output_kw(self, at: float) -> float:
        """What the sun gives at epoch second `at`, passing clouds included."""
        if not self.solar_kw:
            return 0.0
        height = sin(pi * (_hour(at) - 6.0) / 12.0)
        cloud = 0.55 + 0.45 * _chance(self.seed, 99, int(at // 300))
        return self.solar_kw * max(0.0, height) * cloud


def activity(at: float) -> float:
    """How busy customers are, 0.25 at night to about 1 in the evening (UTC+8, the hour customers live by)."""
    hour = _hour(at)
    morning, noon, evening = (
        exp(-(((hour - peak) / width) ** 2)) for peak, width in ((7.5, 1.5), (12, 2), (19.5, 2.5))
    )
    return 0.25 + 0.35 * morning + 0.3 * noon + 0.75 * evening


def household(seed: int, phases: int = 1, solar_kw: float = 0.0) -> Household:
    """A customer as one meets them; three-phase ones draw more and steadier."""
    rng = random.Random(seed)
    size = rng.uniform(0.7, 1.4) * (2.5 if phases > 1 else 1.0)
    return Household(
        seed=seed,
        standby_kw=0.15 * size,
        appliances=(
            Appliance(kw=0.12 * size, slot_s=1500, share=0.45, follows_the_day=False),  # refrigerator
            Appliance(kw=0.5 * size, slot_s=2700, share=0.6),  # lighting, television, computers
            Appliance(kw=1.0 * size, slot_s=900, share=0.35),  # air conditioning, heating
            Appliance(kw=1.8 * size, slot_s=240, share=0.06),  # cooking, kettle
        ),
        power_factor=rng.uniform(0.9, 0.98),
        solar_kw=solar_kw,
    )


def _hour(at: float) -> float:
    return ((at + 8 * 3600) % DAY_S) / 3600


def _chance(seed: int, index: int, slot: int) -> float:
    """A number in 0..1 that is the same whenever the same slot is asked for (splitmix64)."""
    mixed = (seed * 0x9E3779B97F4A7C15 + index * 0xD1B54A32D192ED03 + slot * 0x8CB92BA72F3D8DD7) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (mixed ^ (mixed >> 31)) / 2**64

"""Prices a site's lines before anything is sent: how long a round takes, how busy a line is, whether every period fits.

The figures are those of the bus itself: the same frames, silences, guards and retries. What nobody can know before
measuring, the time that a device thinks and that a network takes, is assumed and said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from drivers.errors import RequestError
from drivers.price import Exchange, exchanges
from drivers.registry import driver
from gateway.settings.models import Device, Line, Site
from gateway.south.conversation import BUSY_S
from gateway.south.health import PATIENCE, SHARE_OF_IDLE, SHARE_OF_THE_DEAD, Health
from gateway.south.wire import silence

LATENCY_S = 0.03
NETWORK_S = 0.02


@dataclass(frozen=True, slots=True)
class Assumed:
    """What has to be assumed: seconds."""

    latency_s: float = LATENCY_S  # a device thinks, from the last byte asked to the first byte answered
    network_s: float = NETWORK_S  # there and back, for lines behind an IP network


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """One device's share of its line."""

    device: Device
    exchanges: tuple[Exchange, ...]
    seconds: tuple[float, ...]  # of each exchange, with the silence behind it
    dead_s: float  # a visit holds the line for so long when the device falls silent
    probe_s: float  # and so long once it counts as dead
    worst_s: float = 0.0  # from falling due to the end of its poll, when everything falls due at once

    @property
    def poll_s(self) -> float:
        return sum(self.seconds)

    @property
    def load(self) -> float:
        """Share of the line's time."""
        return self.poll_s / self.device.period_s

    @property
    def fits(self) -> bool:
        return self.worst_s <= self.device.period_s


@dataclass(frozen=True, slots=True)
class LinePlan:
    """One line with all its devices."""

    line: Line
    devices: tuple[DevicePlan, ...]

    @property
    def cycle_s(self) -> float:
        """One round: every device once."""
        return sum(plan.poll_s for plan in self.devices)

    @property
    def load(self) -> float:
        """Share of the line's time when all devices live."""
        return sum(plan.load for plan in self.devices)

    @property
    def dead_s(self) -> float:
        """The longest that one visit to a device that falls silent holds the line."""
        return max((plan.dead_s for plan in self.devices), default=0.0)

    @property
    def dead_share(self) -> float:
        """The share of the line's time that one dead device costs in the long run, at most."""
        return max((plan.probe_s / self._pause(plan) for plan in self.devices), default=0.0)

    def _pause(self, plan: DevicePlan) -> float:
        health = Health()
        for _ in range(PATIENCE + 16):  # for long
            health.failed()
        return health.pause(plan.device.period_s, plan.probe_s, 1, self.load - plan.load)

    @property
    def fits(self) -> bool:
        return self.load <= 1 and all(plan.fits for plan in self.devices)

    @property
    def tight(self) -> bool:
        """It fits, but not with the share that dead devices may take."""
        return self.fits and self.load > 1 - SHARE_OF_THE_DEAD


def plan_site(site: Site, assumed: Assumed) -> list[LinePlan]:
    """The plans of all lines. Raises RequestError, with the device in front, for a poll that cannot be made."""
    return [plan_line(line, [one for one in site.devices if one.line == line.id], assumed) for line in site.lines]


def plan_line(line: Line, devices: Iterable[Device], assumed: Assumed) -> LinePlan:
    """Price one line. Raises RequestError."""
    plans = [_price(line, device, assumed) for device in devices]
    return LinePlan(line, tuple(_judged(plan, plans) for plan in plans))


def _price(line: Line, device: Device, assumed: Assumed) -> DevicePlan:
    speaks = driver(device.driver)
    try:
        polled = exchanges(speaks, device.profile, device.address, device.polled)
    except RequestError as error:
        raise RequestError(f"{device.id}: {error}") from error
    think = assumed.latency_s + (assumed.network_s if "://" in line.port else 0.0)
    pause = device.profile.pause_s
    if line.speaks_modbus_tcp:
        seconds = [think + pause for _ in polled]
        asked, rest = 0.0, pause
    else:
        rest = silence(device.wire, pause)
        seconds = [exchange.seconds(device.wire, think) + rest for exchange in polled]
        asked = device.wire.seconds(polled[0].asked) if polled else 0.0
    guard = 0.0 if speaks.late_answers_are_harmless else line.late_guard_s
    probe = asked + device.timeout_s + max(guard, rest)
    dead = (line.retries + 1) * probe + line.retries * BUSY_S
    return DevicePlan(device, tuple(polled), tuple(seconds), dead, probe)


def _judged(plan: DevicePlan, plans: Sequence[DevicePlan]) -> DevicePlan:
    """Earliest deadline first, a poll is never broken off.

    Within a period the line must serve every device whose deadline lies in it, after the longest poll of the others,
    which may just have begun.
    """
    period = plan.device.period_s
    demand = sum(int(period / one.device.period_s) * one.poll_s for one in plans if one.device.period_s <= period)
    begun = max((one.poll_s for one in plans if one.device.period_s > period), default=0.0)
    return replace(plan, worst_s=demand + begun)


def says(plan: LinePlan) -> list[str]:
    """What is wrong with a line, and what to do; a sentence each."""
    if plan.load > 1:
        asks = f"every device once takes {plan.cycle_s:.1f} s and the periods ask for {plan.load:.0%} of the line"
        return [f"{asks}: read fewer points, or no device more often than every {_round_up(plan.cycle_s)} s"]
    late = [one for one in plan.devices if not one.fits]
    return [
        f"{one.device.id}: its period is {one.device.period_s:g} s, its poll can end {one.worst_s:.1f} s after it fell"
        " due: give it a longer period, or read fewer points from the others"
        for one in late
    ]


def dead_share() -> str:
    """What the bus promises about dead devices, in words."""
    return (
        f"after {PATIENCE} visits all of a line together take at most {SHARE_OF_THE_DEAD:.0%} of its time,"
        f" and {SHARE_OF_IDLE:.0%} of what nobody needs"
    )


def _round_up(seconds: float) -> int:
    """A period that leaves the dead their share."""
    return int(seconds / (1 - SHARE_OF_THE_DEAD)) + 1

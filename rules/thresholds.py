"""Every threshold of the rules: default, unit, meaning and where the default comes from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

Limits = Mapping[str, Mapping[str, float]]
"""Thresholds by rule and name, complete."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """One number that maintenance may set."""

    default: float
    unit: str
    meaning: str
    source: str = "project"
    low: float = 0.0  # the least value that makes sense
    high: float = 1e9


def _t(default: float, unit: str, meaning: str, source: str = "project", high: float = 1e9) -> Threshold:
    return Threshold(default, unit, meaning, source, 0.0, high)


_DEFAULTS: Mapping[str, Mapping[str, Threshold]] = {
    "voltage": {
        "low_share": _t(0.90, "of Un", "below this a supply voltage is low", "GB/T 12325-2008: 220 V -10 %", 1),
        "high_share": _t(1.07, "of Un", "above this a supply voltage is high", "GB/T 12325-2008: 220 V +7 %", 2),
        "severe_low_share": _t(0.80, "of Un", "below this a low voltage is severe", "State Grid practice", 1),
        "severe_high_share": _t(1.20, "of Un", "above this a high voltage is severe", "meters' own event", 2),
        "margin_share": _t(0.01, "of Un", "how far inside the limit counts as recovered", high=0.1),
        "prealarm_s": _t(300, "s", "time outside after which it is suspected"),
        "hold_s": _t(3600, "s", "time outside after which it is confirmed", "State Grid practice: 1 h"),
        "dip_share": _t(0.85, "of Un", "one reading below this between good ones is a dip", "IEC 61000-4-30: 0.9", 1),
        "severe_hold_s": _t(60, "s", "time beyond the severe limit after which it is severe", "meters' own event"),
        "clear_s": _t(300, "s", "time inside after which it is over"),
    },
    "outage": {
        "dead_share": _t(0.10, "of Un", "a phase below this has no supply", "IEC 61000-4-30", 1),
        "half_share": _t(0.60, "of Un", "a phase between dead_share and this is neither alive nor dead", high=1),
        "confirm_s": _t(30, "s", "evidence that spans this time confirms, unless one poll is shorter"),
        "confirm_polls": _t(0.9, "polls", "evidence that spans this many polls confirms, if that is shorter"),
        "once_weight": _t(20, "ln", "silence that weighs this confirms in its first round while others answer"),
        "slow_poll_s": _t(
            180, "s", "with polls rarer than this, one round of silence confirms when it is certain enough"
        ),
        "settle_polls": _t(2.0, "polls", "after this, newly silent devices are a fault of their own"),
        "restore_polls": _t(2.5, "polls", "how long a restored node's devices may take to answer"),
        "restore_share": _t(0.95, "share", "of a node's devices must answer for it to be over", high=1),
        "sustained_s": _t(180, "s", "a shorter outage is momentary", "DL/T 836-2016: 3 min"),
        "momentary_meters": _t(3, "meters", "silent together and back at once, at least, are a momentary interruption"),
        "alive_weight": _t(8, "ln", "evidence of a good reading against an outage"),
        "dead_weight": _t(8, "ln", "evidence of a phase read without voltage"),
        "silence_weight": _t(6, "ln", "most that silence of one device says"),
        "prior_meter": _t(4, "ln", "rarity of a fault of one supply"),
        "prior_box": _t(3, "ln", "rarity of a box outage"),
        "prior_line": _t(4, "ln", "rarity of a line break"),
        "prior_feeder": _t(3, "ln", "rarity of a feeder outage"),
        "prior_transformer": _t(3, "ln", "rarity of a transformer outage"),
        "prior_mv_feeder": _t(4, "ln", "rarity of an MV outage"),
        "prior_bus": _t(3, "ln", "rarity of a dead line or collector"),
        "prior_fed_bus": _t(4.5, "ln", "the same, when it is known what feeds its collector and could have failed"),
        "mv_loss_tolerance": _t(0.07, "share", "two half phases must sum up to the third within this", high=1),
    },
    "comm": {
        "certainty": _t(17, "ln", "weight of silences that no chance explains: 3 polls of a device on a good line"),
        "miss_floor": _t(0.002, "share", "least chance of a timeout that is believed", high=1),
        "miss_ceiling": _t(0.5, "share", "highest chance of a timeout that is believed", high=1),
        "noise_share": _t(0.15, "share", "lost answers that make a line a noisy one", high=1),
        "noise_polls": _t(2, "polls", "how long a line must lose answers before it is said"),
        "noise_clear_share": _t(0.05, "share", "lost answers below which a line is good again", high=1),
        "memory_polls": _t(500, "polls", "how many polls a device's own rate of lost answers remembers"),
    },
    "neutral": {
        "shift_share": _t(0.12, "of Un", "least shift of the neutral point"),
        "spread": _t(1.2, "ratio", "least ratio of the highest to the lowest phase voltage"),
        "rise_share": _t(0.07, "of healthy", "a phase must stand at least this much above the healthy voltage", high=1),
        "displaced_share": _t(0.08, "of Un", "a meter this far from the healthy voltage is looked at", high=1),
        "tolerance_share": _t(0.035, "of Un", "how well one shift must explain each meter", high=1),
        "least_ohm": _t(1.5, "ohm", "a whole neutral has less, from the transformer to the last meter"),
        "prior": _t(6, "ln", "rarity of a broken neutral"),
        "polls": _t(2, "polls", "polls that must show it; one when polls are rarer than outage.slow_poll_s"),
        "calm_share": _t(0.025, "of healthy", "voltages this close to the healthy one show the neutral whole", high=1),
        "calm_polls": _t(3, "polls", "how long they must stay that close"),
        "quiet_polls": _t(10, "polls", "how long nothing may be displaced: balanced loads hide a broken neutral"),
    },
    "transformer": {
        "heavy_share": _t(0.80, "of rated", "load above this is heavy", "utility practice", 10),
        "overload_share": _t(1.00, "of rated", "load above this is an overload", "utility practice", 10),
        "margin_share": _t(0.02, "of rated", "how far below the limit counts as over", high=1),
        "hold_s": _t(7200, "s", "time above a limit after which it is confirmed", "utility practice: 2 h"),
        "prealarm_s": _t(600, "s", "time above a limit after which it is suspected"),
        "emergency_share": _t(
            1.30, "of rated", "load above this is allowed for emergency_s only, more for less", "overload table", 10
        ),
        "emergency_s": _t(3600, "s", "time above emergency_share that is allowed", "overload table, indoor"),
        "clear_s": _t(600, "s", "time below the limit after which it is over"),
        "unbalance_share": _t(0.25, "share", "(Imax-Imin)/Imax above this is unbalanced", "utility practice", 1),
        "unbalance_load_share": _t(0.50, "of rated", "load from which unbalance matters", "utility practice", 10),
        "reverse_share": _t(0.005, "of rated", "export above this is reverse power", "meters' own event", 1),
        "reverse_s": _t(900, "s", "time of export after which it is said"),
        "oil_high": _t(85, "degC", "top oil above this is high", "ONAN practice"),
        "oil_limit": _t(95, "degC", "top oil above this is critical", "ONAN limit"),
        "oil_rise_k": _t(55, "K", "oil above air at the rated load", "rating of ONAN units"),
        "oil_loss_ratio": _t(5, "ratio", "load losses at the rated load to those without load", "IEC 60076-7"),
        "oil_lag_s": _t(10800, "s", "time constant of the oil", "IEC 60076-7: 180 min for small ONAN units"),
        "oil_excess_k": _t(15, "K", "oil warmer by more than load and air explain"),
        "oil_excess_s": _t(1800, "s", "time of such an excess after which it is confirmed"),
        "oil_s": _t(300, "s", "time above an oil limit after which it is confirmed"),
    },
    "sensor": {
        "winding_high": _t(130, "degC", "a winding above this is hot", "dry transformers, class F: alarm"),
        "winding_limit": _t(150, "degC", "a winding above this is critical", "dry transformers, class F: trip"),
        "residual_ma": _t(300, "mA", "a residual current above this is high", "utility practice for main protectors"),
        "hold_s": _t(300, "s", "time above a temperature after which it is confirmed"),
        "residual_s": _t(60, "s", "time above the residual current after which it is confirmed"),
        "clear_s": _t(300, "s", "time below a limit after which it is over"),
    },
    "quality": {
        "window_s": _t(600, "s", "the mean over this is held against a limit", "IEC 61000-4-30: 10 min"),
        "short_window_s": _t(60, "s", "the same, for frequency and phase sequence"),
        "margin_share": _t(0.2, "of limit", "how far inside its limit a mean must be for it to be over", high=1),
        "voltage_unbalance_share": _t(
            0.02, "of mean", "a phase voltage at the transformer further off is unbalanced", "GB/T 15543: 2 %", 1
        ),
        "voltage_unbalance_far_share": _t(
            0.06, "of mean", "the same elsewhere, where loads shift the neutral point", high=1
        ),
        "current_window_s": _t(7200, "s", "the same, for unbalanced currents", "utility practice: 2 h"),
        "current_unbalance_share": _t(0.5, "share", "(Imax-Imin)/Imax above this, not at the transformer", high=1),
        "unbalance_least_a": _t(40, "A", "largest current from which its unbalance matters"),
        "frequency_hz": _t(50, "Hz", "nominal frequency"),
        "frequency_off_hz": _t(0.2, "Hz", "a frequency further off is mentioned", "GB/T 15945-2008"),
        "power_factor": _t(0.85, "PF", "a power factor of the area below this is low", "vendors' default", 1),
        "power_factor_load_share": _t(0.1, "of rated", "load from which the power factor matters", high=10),
        "power_factor_window_s": _t(900, "s", "the mean power factor over this is judged"),
        "voltage_thd_percent": _t(5, "%", "distortion of the voltage above this is high", "GB/T 14549-1993: 5 %", 100),
        "sequence_share": _t(0.5, "share", "of readings that report a reversed sequence", high=1),
    },
    "repeats": {
        "outages": _t(3, "outages", "sustained ones of a customer that are too many"),
        "memory_days": _t(60, "d", "over how long they are counted"),
    },
    "pool": {
        "early_s": _t(900, "s", "a planned outage may begin this much before its time"),
        "late_s": _t(900, "s", "a planned outage may last this much longer than its time"),
        "remind_s": _t(14400, "s", "a serious incident that lasts is said again after this"),
        "order_s": _t(86400, "s", "a relay that opens within this after an order opened by it"),
    },
    "weak": {
        "clock_s": _t(60, "s", "a clock further off is mentioned"),
        "clock_alarm_s": _t(300, "s", "a clock further off can no longer be set by broadcast", "DL/T 645 practice"),
        "backwards_kwh": _t(0.05, "kWh", "a register that falls by more runs backwards"),
        "frozen_kwh": _t(1, "kWh", "drawn by its own power while a register stands still: it is frozen"),
        "misfit_least_kwh": _t(5, "kWh", "a meter with less energy in a day is not held against its power"),
        "misfit_share": _t(0.5, "share", "a register that counts a day so far from its power does not fit", high=1),
        "hollow_share": _t(
            0.3, "share", "of volts times amperes; less power than that does not fit", "meters' event", 1
        ),
        "hollow_least_a": _t(1, "A", "with less current, power and current are not compared"),
        "hollow_s": _t(1800, "s", "time with current and no power after which it is told"),
        "no_load_s": _t(900, "s", "time without any load, after a usual one, that points behind the meter"),
        "contact_ohm": _t(0.2, "ohm", "impedance of one supply, beyond its neighbours', that is a loose connection"),
        "contact_peers_ohm": _t(0.1, "ohm", "so much above the median of the meters in its box is one as well"),
        "contact_rise_share": _t(0.2, "share", "a rise by this within a week is one as well"),
        "contact_rise_ohm": _t(0.02, "ohm", "a smaller rise says nothing"),
        "voltage_misfit_share": _t(
            0.02, "of Un", "a voltage so far off its neighbours' on one phase does not fit", high=1
        ),
        "contact_samples": _t(40, "samples", "readings of a box, at most one in 150 s, before its contacts are judged"),
        "loss_share": _t(
            0.07, "share", "energy lost in an hour, or in a day, above this is too much", "utility practice", 1
        ),
        "gain_share": _t(
            0.01, "share", "energy of a day above this that was not given: topology or ratio is wrong", high=1
        ),
        "suspect_share": _t(
            0.5, "share", "of the loss's ups and downs that one meter must explain to be named", high=1
        ),
        "loss_least_kwh": _t(5, "kWh", "with less energy in an hour, or in a day, no loss is judged"),
        "loss_hours": _t(2, "hours", "hours in a row with too much loss"),
    },
    "report": {
        "no_load_a": _t(0.03, "A", "below this a customer draws nothing"),
        "voltage_memory_s": _t(3600, "s", "how long a voltage outside its limits backs a complaint"),
    },
}


BY_CLASS: Mapping[str, Collection[str]] = {
    "voltage": _DEFAULTS["voltage"].keys(),
    "outage": ("dead_share", "half_share"),
    "comm": ("miss_floor", "miss_ceiling", "memory_polls"),
    "quality": _DEFAULTS["quality"].keys(),
    "weak": ("clock_s", "clock_alarm_s"),
}
"""Thresholds that one device is held against, by rule: they may differ by class of devices. The others weigh many
devices together, or are those of one class already."""

CLASSES: Mapping[str, str] = {f"{rule}_{kind}": rule for rule in BY_CLASS for kind in ("meter", "ltu", "ttu")}
"""Tables that change a rule's thresholds for one class of devices only, and that rule."""


def of_class(limits: Limits, rule: str, kind: str) -> Mapping[str, float]:
    """The complete thresholds of a rule for one class of devices; of them only those in BY_CLASS may differ."""
    return limits.get(f"{rule}_{kind}", limits[rule])


def defaults() -> Mapping[str, Mapping[str, Threshold]]:
    """Every threshold by rule and name."""
    return _DEFAULTS


def complete(thresholds: Limits) -> dict[str, dict[str, float]]:
    """The given thresholds, and the default for everything that is not given."""
    full = {
        rule: {name: float(thresholds.get(rule, {}).get(name, one.default)) for name, one in names.items()}
        for rule, names in _DEFAULTS.items()
    }
    for own, rule in CLASSES.items():
        full[own] = full[rule] | {name: float(value) for name, value in thresholds.get(own, {}).items()}
    return full


def faults(thresholds: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """What is wrong with thresholds from a file: (rule, key, sentence) each; the key is '' for the rule itself."""
    wrong: list[tuple[str, str, str]] = []
    for rule, names in thresholds.items():
        if CLASSES.get(rule, rule) not in _DEFAULTS:
            wrong.append((rule, "", f"there is no rule {rule!r}; rules are {', '.join((*_DEFAULTS, *CLASSES))}"))
            continue
        if not isinstance(names, Mapping):
            wrong.append((rule, "", f"must be a table: [{rule}] with its thresholds"))
            continue
        wrong += [(rule, key, says) for key, value in names.items() if (says := _fault(rule, key, value))]
    return wrong


def _fault(rule: str, key: str, value: object) -> str:
    names = _DEFAULTS[CLASSES.get(rule, rule)]
    known = names.get(key)
    if known is None:
        return f"is no threshold of this rule; it has {', '.join(names)}"
    if rule in CLASSES and key not in BY_CLASS[CLASSES[rule]]:
        return f"holds for all devices together: set it in [{CLASSES[rule]}]"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number in {known.unit}"
    if not known.low <= value <= known.high:
        return f"{value} {known.unit} is not within {known.low:g} to {known.high:g}"
    return ""


def as_toml() -> str:
    """The text of config/rules.toml: every threshold at its default, with its meaning."""
    lines = [
        "# Thresholds of the rules. Everything stands at its default here; a line that is left out keeps it. A gateway",
        "# serves one area: this file is that area's. Times in polls grow with the time between them.",
        "# What is marked * may differ by class of devices: a table with the class behind its name changes it for that",
        "# class. low_share = 0.95 below [voltage_ttu], for example; classes are meter, ltu and ttu.",
        "# `taiqu check` names what does not fit.",
    ]
    for rule, names in _DEFAULTS.items():
        lines += ["", f"[{rule}]"]
        for name, one in names.items():
            mark = " *" if name in BY_CLASS.get(rule, ()) else ""
            lines.append(f"{name} = {one.default:g}".ljust(31) + f" # {one.unit}: {one.meaning} ({one.source}){mark}")
    return "\n".join(lines) + "\n"

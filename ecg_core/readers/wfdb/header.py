"""A strict parser of WFDB headers: what it does not know it refuses, where libraries guess.

The grammar is that of header(5), https://physionet.org/physiotools/wag/header-5.htm. Of the record
line, the base time and date are passed over: they are often malformed and nothing needs them.
Comments, which hold patient data, are dropped on the way in.
"""

import re
from dataclasses import dataclass

from ecg_core.errors import Fault, FaultCode, UnreadableRecording
from ecg_core.leads import standard_lead_name
from ecg_core.plausibility import units_per_mv

MAX_HEADER_BYTES = 64 * 1024
# Gains in V or nV are refused: nobody writes them, so they are most likely wrong.
_UNITS = frozenset({"mv", "uv", "\u00b5v", "\u03bcv"})

# Numbers are bounded in length: Python refuses to convert very long ones, and nothing needs them.
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_NUMBER = (
    r"[+-]?(?:(?:[0-9]{1,20}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,4})?"
    r"|(?i:nan|inf|infinity))"
)
_COUNT = re.compile(r"[0-9]{1,10}")
_RATE = re.compile(rf"({_NUMBER})(?:/{_NUMBER}(?:\({_NUMBER}\))?)?")  # 500/1000(0)
_STORAGE = re.compile(  # 16x1:0+24
    r"([0-9]{1,4})(?:x([0-9]{1,10}))?(?::([0-9]{1,10}))?(?:\+([0-9]{1,10}))?"
)
_GAIN = re.compile(rf"({_NUMBER})(?:\(({_INTEGER.pattern})\))?(?:/(\S+))?")  # 1000.0(0)/mV
_PATH = re.compile(r"[/\\:]|\.\.|^[.~-]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLANKS = re.compile(r"[ \t]+")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, repr=False)
class SignalLine:
    """One signal as its line declares it; `lead` is None for what is no standard lead."""

    file_name: str
    storage_format: str
    samples_per_frame: int
    skew: int
    byte_offset: int
    gain: float | None
    baseline: int
    units: str | None
    initial_value: int | None
    checksum: int | None
    lead: str | None

    @property
    def gain_per_mv(self) -> float | None:
        """ADC units per millivolt, or None where the gain is not given or the units not known."""
        per_mv = units_per_mv(self.units or "mV")  # header(5): none means mV
        if self.gain is None or per_mv is None or not self.has_known_units:
            return None
        return self.gain * per_mv

    @property
    def has_known_units(self) -> bool:
        """Whether its units are mV or uV."""
        return (self.units or "mV").lower() in _UNITS


@dataclass(frozen=True, slots=True, repr=False)
class WfdbHeader:
    """What a header of one segment declares; its signals' syntax is sound, their sense unchecked.

    Attributes:
        sampling_rate_hz: None where it is not given.
        sample_count: Samples a signal; None where it is not given.
        signals: The signals, in the file's order.
    """

    sampling_rate_hz: float | None
    sample_count: int | None
    signals: tuple[SignalLine, ...]

    @property
    def frames(self) -> tuple[tuple[SignalLine, ...], ...]:
        """The signals of each file that holds a standard lead; one sample of each makes a frame.

        Files without any (the Frank leads of the PTB database) are left out. Where there is no
        standard lead at all, the signals of the first file.
        """
        with_leads = [signal.file_name for signal in self.signals if signal.lead]
        names = dict.fromkeys(with_leads or [self.signals[0].file_name])
        return tuple(
            tuple(signal for signal in self.signals if signal.file_name == name) for name in names
        )


def parse_header(content: bytes, max_signals: int) -> tuple[WfdbHeader | None, list[Fault]]:
    """Parse a header.

    Args:
        content: The header file.
        max_signals: How many signals it may declare.

    Returns:
        The header (None where its record line is broken, without signals that are broken), and
        every fault of its syntax.

    Raises:
        UnreadableRecording: It is no header text at all.
    """
    record_line, *signal_lines = _content_lines(content)
    faults: list[Fault] = []
    fields = _parse_record_line(record_line, faults)
    if fields is None:
        return None, faults
    signal_count, rate_hz, sample_count = fields
    if not 1 <= signal_count <= max_signals:
        detail = f"the header declares {signal_count} signals, 1 to {max_signals} are read"
        faults.append(Fault(FaultCode.UNSUPPORTED_HEADER, detail))
    elif signal_count != len(signal_lines):
        detail = f"the header declares {signal_count} signals and describes {len(signal_lines)}"
        faults.append(Fault(FaultCode.MALFORMED_HEADER, detail))
    lines = [] if faults else signal_lines
    signals = [_parse_signal_line(number, line, faults) for number, line in enumerate(lines, 1)]
    sound = tuple(signal for signal in signals if signal is not None)
    return WfdbHeader(rate_hz, sample_count, sound), faults


def _content_lines(content: bytes) -> list[str]:
    """The lines that are neither blank nor comments; at least one."""
    if len(content) > MAX_HEADER_BYTES:
        detail = f"the header is longer than {MAX_HEADER_BYTES} bytes"
        raise UnreadableRecording.of(FaultCode.MALFORMED_HEADER, detail)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = [line.strip(" \t") for line in _LINE_END.split(text)]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise UnreadableRecording.of(FaultCode.MALFORMED_HEADER, "the header is empty")
    if any(_CONTROL.search(line) for line in lines):
        detail = "the header is not text: it holds control characters"
        raise UnreadableRecording.of(FaultCode.MALFORMED_HEADER, detail)
    return lines


def _parse_record_line(
    line: str, faults: list[Fault]
) -> tuple[int, float | None, int | None] | None:
    """Number of signals, sampling rate and number of samples; None where the line is broken."""
    name, *fields = _BLANKS.split(line)
    if re.search(r"/[0-9]*$", name):
        detail = "the header declares several segments: send a record of one segment"
        faults.append(Fault(FaultCode.UNSUPPORTED_HEADER, detail))
        return None
    count_text, rate_text, samples_text = [*fields, "", "", ""][:3]
    count = _COUNT.fullmatch(count_text)
    rate = _RATE.fullmatch(rate_text)
    samples = _COUNT.fullmatch(samples_text)
    sound = (rate or not rate_text) and (samples or not samples_text)
    if _PATH.search(name):
        detail = "the record's name holds a folder or an address: take it out of the header"
        faults.append(Fault(FaultCode.MALFORMED_HEADER, detail))
        return None
    if count is None or not sound:
        detail = "the record line is not 'name signals rate samples'"
        faults.append(Fault(FaultCode.MALFORMED_HEADER, detail))
        return None
    # header(5): zero samples means the same as none given.
    sample_count = (int(samples[0]) or None) if samples else None
    return int(count[0]), float(rate[1]) if rate else None, sample_count


def _parse_signal_line(number: int, line: str, faults: list[Fault]) -> SignalLine | None:
    fields = _BLANKS.split(line, maxsplit=8)
    fields += [""] * (9 - len(fields))
    file_name, storage_text, gain_text, *integer_texts, description = fields
    storage = _STORAGE.fullmatch(storage_text)
    gain = _GAIN.fullmatch(gain_text)
    malformed = {
        "names its file by a path or an address: take the folder out of the header": _PATH.search(
            file_name
        ),
        "has a malformed format": not storage,
        "has a malformed gain": gain_text and not gain,
        "has malformed numbers": any(t and not _INTEGER.fullmatch(t) for t in integer_texts),
    }
    wrong = [what for what, is_so in malformed.items() if is_so]
    faults += [Fault(FaultCode.MALFORMED_HEADER, f"signal {number} {what}") for what in wrong]
    if wrong or storage is None:
        return None
    # ADC resolution, ADC zero, initial value, checksum, block size
    _, adc_zero, initial_value, checksum, _ = (int(t) if t else None for t in integer_texts)
    return SignalLine(
        file_name=file_name,
        storage_format=storage[1],
        samples_per_frame=int(storage[2] or 1),
        skew=int(storage[3] or 0),
        byte_offset=int(storage[4] or 0),
        gain=float(gain[1]) if gain else None,
        baseline=int(gain[2]) if gain and gain[2] else adc_zero or 0,  # header(5): else ADC zero
        units=gain[3] if gain else None,
        initial_value=initial_value,
        checksum=checksum,
        lead=standard_lead_name(description.partition(" #")[0]),
    )

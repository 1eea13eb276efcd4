"""DICOM waveforms: bytes to elements, elements to groups, groups to a recording."""

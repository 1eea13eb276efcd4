"""EDF and EDF+C: a header of fixed columns, then records of 16-bit samples."""

"""What readers of XML formats have in common: the root element tells the format."""

from abc import abstractmethod
from typing import ClassVar
from xml.etree.ElementTree import Element

from ecg_core.readers.base import ReadLimits, SingleFileReader
from ecg_core.readers.xml.document import parse_document, root_name
from ecg_core.recording import Recording


class XmlReader(SingleFileReader):
    """Base of readers of one document.

    Attributes:
        root: Name of the root element, without its namespace.
    """

    root: ClassVar[str]

    def recognises(self, first_bytes: bytes) -> bool:
        """Whether the root element is this format's."""
        return root_name(first_bytes) == self.root

    def read_file(self, content: bytes, limits: ReadLimits) -> Recording:
        """Read one document; errors as for `read`."""
        return self.read_document(parse_document(content), limits)

    @abstractmethod
    def read_document(self, root: Element, limits: ReadLimits) -> Recording:
        """Read what was parsed; errors as for `read`."""

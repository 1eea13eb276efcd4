"""What has to be in order with access before anything is started."""

from service.access.audit import AuditLog
from service.access.control import check_exposure
from service.access.key_file import read_key_ring
from service.settings import Settings


def check_access_settings(settings: Settings) -> None:
    """Try what a service with these settings would need, before its workers do.

    Raises:
        AccessMisconfigured: It would be open to the network, its keys cannot be read, or its audit
            log cannot be written.
    """
    check_exposure(settings)
    if settings.api_keys_file is not None:
        read_key_ring(settings.api_keys_file)
    AuditLog(settings.audit_log, settings.audit_client_address, lambda: None).close()

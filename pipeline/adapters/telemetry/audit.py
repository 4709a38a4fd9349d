"""Notes who did what in the program's log, where there is no better place for it."""

import logging
from collections.abc import Mapping

log = logging.getLogger("pipeline.audit")


class LoggedAudit:
    """An ``Audit`` of log lines; the customer an act is about is not among them."""

    def note(
        self,
        action: str,
        *,
        who: str,
        how: str,
        target: str = "",
        reason: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> None:
        shown = "" if action.startswith("customer.") else f" {target}"
        log.info("%s (%s): %s%s", who, how, action, shown)

"""The leak audit: what makes a task easier, or harder, than it claims to be."""

from challenge.prepare.audit.report import AuditReport, Finding, Severity
from challenge.prepare.audit.run import audit_task

__all__ = ["AuditReport", "Finding", "Severity", "audit_task"]

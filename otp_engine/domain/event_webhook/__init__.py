"""The event webhook: events as CloudEvents, for a receiver of the operator."""

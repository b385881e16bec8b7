"""Text messages: templates, options, segments and delivery reports."""

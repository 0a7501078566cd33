"""Hand-written demo people, requests and help text; everyone here is invented."""

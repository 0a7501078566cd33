"""How dates are written where no page says otherwise: the console and Django's own words."""
